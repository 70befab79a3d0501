"""The market held against days that it did not know: before the flight, and of the flight."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Chart
from promopilot.experiments.report.foreseen_days import by_day
from promopilot.experiments.report.foreseen_promotions import by_promotion
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.ranges_held import KINDS, ranges_held
from promopilot.experiments.report.said import said
from promopilot.experiments.report.section import Page, Section, day, period

Facts = list[tuple[str, Markup, Markup]]


@dataclass(frozen=True)
class Window:
    """Some days that were judged, or why they were not."""

    title: str  # empty where the section's own says it
    about: Markup
    mark: str = ""  # `passed` or `failed`
    headline: str = ""
    advice: Markup = field(default_factory=Markup)
    facts: Facts = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    limits: str = ""


def section(page: Page) -> Section:
    """What the market said of the days before the flight and of the flight's, and what happened."""
    found = {"backtest": page.run.backtest, "afterwards": page.run.afterwards}
    windows = [_window(page, name, each) for name, each in found.items() if each]
    # What the first does not show is not said twice.
    told = [window.limits for window in windows]
    windows = [
        replace(window, limits="" if window.limits in told[:n] else window.limits)
        for n, window in enumerate(windows)
    ]
    view = {"windows": windows}
    title = tr("Would this market have foreseen the last weeks?")
    return Section("backtest", title, "backtest.html", view, tr("Backtest"))


@dataclass(frozen=True)
class Short:
    """The backtests in a line each."""

    text: Markup
    failed: str  # what went wrong; empty where nothing did


def in_short(page: Page) -> Short | None:
    """What the summary says of the backtests; nothing where none was made."""
    told, failed = [], []
    for name, (text, wrong) in _SHORT.items():
        found = getattr(page.run, name)
        if "wape" not in found:
            continue
        failed += [] if found["passes"] else [tr(wrong)]
        told.append(
            Markup(tr(text)).format(
                page.numbers.count(f"{name}:days", found["days"]),
                page.numbers.share(f"{name}:wape_by_day", found["wape_by_day"]),
                ranges_held(page, name, found),
            )
        )
    if failed:
        failed.append(tr("{}.").format(tr(_HOLD)))
    return Short(Markup(tr(" ")).join(told), tr(" ").join(failed)) if told else None


_SHORT = {
    "backtest": (
        later(
            "On the {} days before the flight, which it had not seen, the market missed a day's "
            "orders by {} on average, and its ranges held {}."
        ),
        later("The market failed its backtest."),
    ),
    "afterwards": (
        later(
            "On the flight's own {} days, read afterwards, the market missed a day's orders by {}, "
            "and its ranges held {}."
        ),
        later("The market did not foresee the flight."),
    ),
}


def _window(page: Page, name: str, found: dict[str, Any]) -> Window:
    later = name == "afterwards"
    title = tr("The flight's own days") if later else ""
    if "absent" in found:
        return Window(title, Markup(tr("There is no backtest here: {}.")).format(_reason(found)))
    headline = (
        tr("The market foresaw these days well enough")
        if found["passes"]
        else tr("The market did not foresee these days")
    )
    return Window(
        title=title,
        about=_about(page, name, found),
        mark="passed" if found["passes"] else "failed",
        headline=headline,
        advice=_advice(page, name, found),
        facts=_facts(page, name, found),
        charts=[by_day(page, name, found), by_promotion(page, name, found)],
        limits=_limits(found),
    )


def _reason(found: dict[str, Any]) -> str:
    return said(str(found["absent"]).rstrip(". "))


def _about(page: Page, name: str, found: dict[str, Any]) -> Markup:
    first, last = (date.fromisoformat(found[end]) for end in ("from", "to"))
    spent = found["given"] == "spend"
    given = tr("money that was really spent") if spent else tr("exposures that were really shown")
    if name == "afterwards":
        text = tr(
            "The flight's days, {3}, are over. The market that the plan was made in went through "
            "them {1} times, given the {2}, whether or not anybody followed the plan. What it said "
            "is held against what happened, which was read only after the plan was written."
        )
    else:
        text = tr(
            "Predictor and market were made anew from what was known before {0}, and went through "
            "the days from then to the flight, {3}, {1} times, given the {2}. What they said is "
            "held against what happened."
        )
    about = Markup(text).format(
        day(first),
        page.numbers.count(f"{name}:flights", found["flights"]),
        given,
        period(first, last),
    )
    if found["share_covered"] < _ALL:
        about += Markup(tr(" Line items that the market knows had {} of the exposures.")).format(
            page.numbers.share(f"{name}:share_covered", found["share_covered"])
        )
    if page.run.config.assumptions.panel_projection != 1:
        about += Markup(tr(" Counts are those of your tables, not of the whole business."))
    return about


_ALL = 0.995  # of the exposures


def _advice(page: Page, name: str, found: dict[str, Any]) -> Markup:
    """What was foreseen, and what follows for the plan."""
    share = page.numbers.share
    if found["wape_by_promotion"] < found["naive_wape_by_promotion"]:
        apart = tr(
            "It told promotions apart better than a forecast that gives every promotion the same "
            "rate: an average miss of {} against {}."
        )
    else:
        apart = tr(
            "It told promotions apart no better than a forecast that gives every promotion the "
            "same rate: an average miss of {} against {}. How the plan splits money between "
            "promotions is then little more than a guess."
        )
    if found["wape_by_day"] >= found["naive_wape_by_day"]:
        apart += tr(" Single days it foresaw no better than such a forecast.")
    text = Markup(apart + tr(" Its ranges held {}."))
    advice = text.format(
        share(f"{name}:wape_by_promotion", found["wape_by_promotion"]),
        share(f"{name}:naive_wape_by_promotion", found["naive_wape_by_promotion"]),
        ranges_held(page, name, found),
    )
    if found["passes"]:
        return advice
    return advice + Markup(
        tr(" {}: try it on a part, and look for what these days had that the days before had not.")
    ).format(tr(_HOLD))


_HOLD = later("Do not move the whole budget on this plan")


def _facts(page: Page, name: str, found: dict[str, Any]) -> Facts:
    """Label, value and meaning of errors and coverage, over days and over promotions."""
    facts: Facts = []
    for what, label, of in (
        ("day", tr("a day"), tr("a day's orders")),
        ("promotion", *map(tr, _PROMOTION)),
    ):
        naive = found[f"naive_wape_by_{what}"]
        facts.append(
            (
                tr("Average miss, {}").format(label),
                page.numbers.share(f"{name}:wape_by_{what}", found[f"wape_by_{what}"], 1),
                Markup(tr("of {}; the same rate for every promotion misses by {}")).format(
                    of, page.numbers.share(f"{name}:naive_wape_by_{what}", naive, 1)
                ),
            )
        )
    for what, label in KINDS.items():
        held = found[f"coverage_80_by_{what}"]
        if held is not None:
            facts.append(
                (
                    tr("{} whose range held").format(words.capital(tr(label))),
                    page.numbers.share(f"{name}:coverage_80_by_{what}", held),
                    Markup(tr("of {}; 80 % is what a range is made for")).format(
                        len(found[f"by_{what}"])
                    ),
                )
            )
    return facts


_PROMOTION = (later("a promotion"), later("its orders in all these days"))


def _limits(found: dict[str, Any]) -> str:
    spent = found["given"] == "spend"
    text = tr(
        "What this does not show: it is one window, with the promotions that ran then "
        "and {}. What other amounts would have brought, which is what a plan decides, "
        "nobody saw."
    ).format(tr("the money that was spent on them") if spent else tr("the exposures that they had"))
    if not spent:
        text += tr(
            " No spend is recorded, so the market was told the exposures: media prices and the "
            "shape of the response curves were not tested by it."
        )
    return text
