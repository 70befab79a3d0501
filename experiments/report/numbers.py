"""Numbers as analysts read them, each carrying the raw value and where in the run's files it is."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from promopilot.experiments.report.language import tr

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
NONE = "\N{EN DASH}"  # where there is no number
_MINUS = "\N{MINUS SIGN}"


def marked(key: str, value: float | None, shown: str) -> Markup:
    """A number with `data-key`, the place of its raw value (see `Numbers`).

    Args:
        key: `file:path.to.value`, where `*` sums over a list, or `plan:column?…` as `plan_sum` and
            `plan_mean` make it, or several of them joined by ` - `, ` + ` and ` / `, worked out
            from left to right; a leading `abs ` drops the sign. Keys that begin with `average:`
            are not in the files.
        value: The raw value.
        shown: What is read.
    """
    if value is None or not math.isfinite(value):
        return Markup(NONE)
    return Markup('<data class="n" data-key="{}" value="{}">{}</data>').format(
        key, repr(float(value)), shown
    )


def plan_sum(column: str, **where: str) -> str:
    """Key of a sum over the rows of plan.csv in which the columns of `where` hold these values.

    `date_upto` takes the rows up to that date.
    """
    return f"plan:{column}?{urlencode(where)}"


def plan_change(**where: str) -> str:
    """Key of what the plan adds to the current mix, over such rows."""
    return f"{plan_sum('planned_budget', **where)} - {plan_sum('current_budget', **where)}"


def plan_mean(column: str, weight: str, **where: str) -> str:
    """Key of a mean over such rows, weighted by another column (plain where that sums to 0)."""
    return f"plan:{column}@{weight}?{urlencode(where)}"


def bare(value: float, decimals: int, *, sign: bool = False) -> str:
    """A number with thousands separated and a true minus; -0 reads 0."""
    text = f"{round(value, decimals) + 0.0:{'+' if sign else ''},.{decimals}f}"
    return text.replace("-", _MINUS)


def percent_text(value: float, decimals: int, *, sign: bool = False) -> str:
    """A value that already is in per cent, as text."""
    return tr("{} %").format(bare(value, decimals, sign=sign))


def percent_sign() -> str:
    """What stands behind a number in per cent."""
    return tr("{} %").format("")


def typeset(text: str) -> str:
    """A sentence of the run's files with the minus that the page's own figures have."""
    return re.sub(r"(?<![\w-])-(?=\d)", _MINUS, text)


@dataclass(frozen=True)
class Numbers:
    """Formats of one currency; every method takes the key of `marked` and the raw value."""

    currency: str

    @property
    def symbol(self) -> str:
        """What stands before an amount."""
        return _SYMBOLS.get(self.currency, f"{self.currency} ")

    def amount(self, value: float, *, sign: bool = False, cents: bool | None = None) -> str:
        """Money as text; cents where the amount is below 100 unless told otherwise."""
        with_cents = 0 < abs(value) < 100 if cents is None else cents
        text = bare(value, 2 if with_cents else 0, sign=sign)
        at = 1 if text[0] in f"+{_MINUS}" else 0
        return f"{text[:at]}{self.symbol}{text[at:]}"

    def money(
        self, key: str, value: float, *, sign: bool = False, cents: bool | None = None
    ) -> Markup:
        """Money."""
        if not math.isfinite(value):
            return Markup(NONE)
        return marked(key, value, self.amount(value, sign=sign, cents=cents))

    def outcome(self, key: str, value: float, objective: str) -> Markup:
        """A value of the objective: money, or a count of orders."""
        return self.count(key, value) if objective == "conversions" else self.money(key, value)

    @staticmethod
    def percent(key: str, value: float | None, decimals: int = 1, *, sign: bool = True) -> Markup:
        """Per cent of a value that already is one."""
        if value is None or not math.isfinite(value):
            return Markup(NONE)
        return marked(key, value, percent_text(value, decimals, sign=sign))

    @staticmethod
    def share(key: str, value: float, decimals: int = 0) -> Markup:
        """A share of 1, shown in per cent."""
        return marked(key, value, percent_text(100 * value, decimals))

    @staticmethod
    def count(key: str, value: float) -> Markup:
        """A number of things."""
        return marked(key, value, bare(value, 0))

    @staticmethod
    def decimal(key: str, value: float | None, decimals: int = 2) -> Markup:
        """A number with decimals."""
        if value is None or not math.isfinite(value):
            return Markup(NONE)
        return marked(key, value, bare(value, decimals))
