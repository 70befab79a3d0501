"""Numbers as sentences for analysts have them."""

from decimal import Decimal

# Numbers of which a reader sees at once how large they are without an exponent.
_SMALLEST, _LARGEST = 1e-6, 1e15


def amount(value: float) -> str:
    """Four significant digits, thousands separated: 1.5, 0.0002, 11,430.

    Only what is smaller than a millionth, or larger than a thousand million millions, has an
    exponent.
    """
    short = f"{value:.4g}"
    if value == 0.0:
        return "0"
    if _SMALLEST <= abs(value) < _LARGEST:
        return f"{Decimal(short):,f}"
    return short
