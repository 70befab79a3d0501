"""How what a decision brought is written: as money where it is money, else as a plain number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import NONE, Numbers, bare, marked

_DIGITS = 4  # significant digits of the largest figure that a page compares


@dataclass(frozen=True)
class Rewards:
    """Formats of one page's rewards, so that figures that are compared have as many decimals."""

    numbers: Numbers
    money: bool
    decimals: int = 2  # where it is not money

    @classmethod
    def plain(cls, numbers: Numbers, values: Iterable[float | None]) -> Rewards:
        """Rewards that are not known to be money, with decimals for the values to be shown."""
        sizes = [abs(value) for value in values if value is not None and isfinite(value)]
        largest = max(sizes, default=0.0)
        digits = _DIGITS - 1 - floor(log10(largest)) if largest > 0.0 else 2
        return cls(numbers, False, min(max(digits, 0), 10))

    def text(self, value: float, *, sign: bool = False) -> str:
        """A reward as text."""
        if self.money:
            return self.numbers.amount(value, sign=sign)
        return bare(value, self.decimals, sign=sign)

    def show(self, key: str, value: float | None, *, sign: bool = False) -> Markup:
        """A reward with the place of its raw value; see `numbers.marked`."""
        if value is None or not isfinite(value):
            return Markup(NONE)
        return marked(key, value, self.text(value, sign=sign))

    def between(self, key: str, ends: list[float | None], *, sign: bool = False) -> Markup:
        """`low to high` of an interval; a dash where it is not defined."""
        low, high = (self.show(f"{key}.{at}", end, sign=sign) for at, end in enumerate(ends))
        return low if low == high == NONE else Markup(tr("{} to {}")).format(low, high)

    @property
    def ticks(self) -> dict[str, Any]:
        """What an axis of rewards needs."""
        prefix = {"tickprefix": self.numbers.symbol} if self.money else {}
        return prefix | {"exponentformat": "none"}  # 0.0004, not 400µ
