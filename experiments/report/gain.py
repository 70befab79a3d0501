"""The plan's gain over the current mix: in money, and in per cent where these say something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from promopilot.agents.comparison import mean_interval
from promopilot.experiments.report import words
from promopilot.experiments.report.chart import large_numbers
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import bare, marked, percent_sign, percent_text
from promopilot.experiments.report.section import Page
from promopilot.experiments.seeds import Seeds

CURRENT = "current_mix"
# Per cent of less than this share of what it is compared with say nothing of what was gained.
_LEAST_BASE = 0.05
# From here on a gain says more about what it is measured against than about the plan.
_SUSPICIOUS_PCT = 50.0


@dataclass(frozen=True)
class Gain:
    """A gain with its 95 % interval: numbers for a chart, and text that carries raw values."""

    value: float
    low: float
    high: float
    plain: Markup  # the value without a sign
    signed: Markup
    between: Markup  # `low to high`

    @property
    def sure(self) -> int:
        """1 where all of the interval is a gain, -1 where it is a loss, 0 where it may be nothing.

        What is written as 0 is nothing.
        """
        if not any(figure in "123456789" for figure in self.plain.striptags()):
            return 0
        return int(self.low > 0) - int(self.high < 0)


def is_base(value: float, low: float, others: list[float]) -> bool:
    """Whether per cent of a value say something.

    Args:
        value: What they would be of.
        low: The lower end of its 95 % interval: per cent of what may be a loss mislead.
        others: What it is compared with.
    """
    return low > 0 and value > _LEAST_BASE * max(map(abs, others))


def in_percent(page: Page) -> bool:
    """Whether the plan's gain over the current mix can be told in per cent."""
    judged, mix = page.run.plan_value, page.run.simulations["policies"][CURRENT]
    others = [float(judged["value_as_exported"]), float(judged["value_with_daily_update"])]
    told = "vs_current_mix_pct" in judged
    return told and is_base(float(mix["value_mean"]), float(mix["value_ci95"][0]), others)


def gain(page: Page, *, updated: bool = False) -> Gain:
    """The gain over the current mix, in per cent where they say something, else as an outcome.

    Args:
        page: The run.
        updated: Of deciding anew every day; else of the plan as exported.
    """
    keys, numbers = (_percent if in_percent(page) else _outcome)(page, updated)
    write = _writer(page)
    value, low, high = (
        marked(key, number, write(number, True)) for key, number in zip(keys, numbers, strict=True)
    )
    return Gain(
        *numbers,
        plain=marked(keys[0], numbers[0], write(numbers[0], False)),
        signed=value,
        between=Markup(tr("{} to {}")).format(low, high),
    )


def axis_of_gains(page: Page) -> dict[str, Any]:
    """How an axis of gains writes its numbers."""
    if in_percent(page):
        return {"ticksuffix": percent_sign()}
    money = page.run.world.objective != "conversions"
    return large_numbers() | ({"tickprefix": page.numbers.symbol} if money else {})


_Ends = tuple[float, float, float]  # a gain and its interval
_Keys = tuple[str, str, str]


def _percent(page: Page, updated: bool) -> tuple[_Keys, _Ends]:
    name = "daily_update_vs_current_mix" if updated else "vs_current_mix"
    judged, key = page.run.plan_value, f"plan_value:{name}"
    low, high = judged[f"{name}_ci95"]
    return (f"{key}_pct", f"{key}_ci95.0", f"{key}_ci95.1"), (judged[f"{name}_pct"], low, high)


def _outcome(page: Page, updated: bool) -> tuple[_Keys, _Ends]:
    """Money or orders: paired differences of the flights whose values the files hold."""
    run, played = page.run, page.run.simulations["values"]
    brought = played[run.simulations["recommended"]] if updated else run.plan_value["values"]
    more = np.array(brought) - np.array(played[CURRENT])[: len(brought)]
    low, high = mean_interval(more, Seeds.of(run.config.seed).bootstrap)
    keys = ("average:more", "average:more_low", "average:more_high")
    return keys, (float(more.mean()), low, high)


def _writer(page: Page) -> Callable[[float, bool], str]:
    if in_percent(page):
        return lambda value, sign: percent_text(value, 1, sign=sign)
    if page.run.world.objective == "conversions":
        return lambda value, sign: bare(value, 0, sign=sign)
    return lambda value, sign: page.numbers.amount(value, sign=sign)


def gain_in_words(page: Page) -> Markup:
    """The plan's gain over the current mix, and whether its interval leaves it open."""
    found = gain(page)
    if found.sure > 0:
        text = tr("In simulated flights the plan brings {} more {} than the current mix ({}).")
    elif found.sure < 0:
        text = tr("In simulated flights the plan changes {1} by {0} ({2}): it is worse.")
    else:
        text = tr("In simulated flights the plan changes {1} by {0} ({2}): that may be nothing.")
    by = found.plain if found.sure > 0 else found.signed
    told = Markup(text).format(by, words.objective(page.run.world.objective), found.between)
    return told + doubts(page)


def doubts(page: Page) -> Markup:
    """Why the gain is not in per cent, or too large to be quoted; else nothing."""
    if not in_percent(page):
        mix = page.run.simulations["policies"][CURRENT]["value_mean"]
        told = tr(" Gains are not told in per cent, as the current mix brings {} {}.")
        return Markup(told).format(
            page.numbers.outcome(
                f"simulations:policies.{CURRENT}.value_mean", mix, page.run.world.objective
            ),
            words.objective(page.run.world.objective),
        )
    if abs(page.run.plan_value["vs_current_mix_pct"]) <= _SUSPICIOUS_PCT:
        return Markup("")
    assumed = page.run.parameter_sources.get("current mix", "").startswith("assumption")
    return Markup(
        tr(" A gain this large says more about the current mix than about the plan{}")
    ).format(
        tr(": its spend is assumed here, so it never was a decision that anybody took.")
        if assumed
        else tr(": check that it is what you really spend before quoting it.")
    )
