"""The scenario in one sentence, the tiles, and the verdict."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.report import backtest, evaluation_words, words
from promopilot.experiments.report.assumed import assumed_in_words
from promopilot.experiments.report.gain import gain_in_words
from promopilot.experiments.report.language import later, plural, tr
from promopilot.experiments.report.said import said
from promopilot.experiments.report.section import Page, Section, period
from promopilot.experiments.report.tiles import tiles


def section(page: Page) -> Section:
    """What is planned, what it brings, and whether to act on it."""
    run = page.run
    verdict = run.ope["verdict"]
    headline, advice = evaluation_words.told_verdict(run.ope, evaluation_words.VERDICTS)
    view = {
        "sentence": _sentence(page),
        "tiles": tiles(page),
        "verdict": verdict,
        "headline": headline,
        "advice": advice,
        "reasons": [said(reason) for reason in run.ope["reasons"]],
        "attributed": attributed(page),
        "assumed": assumed_in_words(page),
        "gain": gain_in_words(page),
        "backtest": backtest.in_short(page),
    }
    return Section("summary", tr("Summary"), "scenario.html", view)


def attributed(page: Page) -> bool:
    """Whether outcomes count every order, caused or not."""
    return bool((page.run.world.catalog.incrementality == 1).all())


def _sentence(page: Page) -> Markup:
    run, numbers = page.run, page.numbers
    funded = run.plan[run.plan["planned_budget"] > 0]
    count = {name: int(funded[name].nunique()) for name in ("promotion_id", "placement_id")}
    catalog, dates = run.world.catalog, run.world.dates
    segments = len(catalog.segment_ids)
    return Markup(
        tr(
            "From {} the plan spends {} of a budget of {} on {} in {} for {}; the {} made it, and "
            "it is held against the current mix."
        )
    ).format(
        period(dates[0], dates[-1]),
        numbers.money("summary:TOTAL.planned_budget", run.total["planned_budget"], cents=False),
        numbers.money("world:budget", run.world.budget, cents=False),
        _promotions(count["promotion_id"], len(catalog.promotion_ids)),
        _placements(count["placement_id"], len(catalog.placement_ids)),
        plural(segments, later("{} segment"), later("{} segments")).format(segments),
        words.policy(run.simulations["recommended"]),
    )


def _promotions(some: int, every: int) -> str:
    """How many of the flight's promotions get money."""
    if some == every:
        return plural(every, later("the one promotion"), later("all {} promotions")).format(every)
    return tr("{} of {} promotions").format(some, every)


def _placements(some: int, every: int) -> str:
    """How many of the placements get money."""
    if some == every:
        return plural(every, later("the one placement"), later("all {} placements")).format(every)
    return tr("{} of {} placements").format(some, every)
