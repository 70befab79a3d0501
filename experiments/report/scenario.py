"""The scenario in one sentence, the tiles, and the verdict."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.report import backtest, words
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.plan_gain import has_gain, large_gain
from promopilot.experiments.report.said import said
from promopilot.experiments.report.section import Page, Section, period
from promopilot.experiments.report.tiles import tiles


def section(page: Page) -> Section:
    """What is planned, what it brings, and whether to act on it."""
    run = page.run
    verdict = run.ope["verdict"]
    headline, advice = words.told_verdict(run.ope, words.VERDICTS)
    view = {
        "sentence": _sentence(page),
        "tiles": tiles(page),
        "verdict": verdict,
        "headline": headline,
        "advice": advice,
        "reasons": [said(reason) for reason in run.ope["reasons"]],
        "attributed": attributed(page),
        "gain": gain_in_words(page),
        "large_gain": large_gain(page),
        "backtest": backtest.in_short(page),
    }
    return Section("summary", tr("Summary"), "scenario.html", view)


def attributed(page: Page) -> bool:
    """Whether outcomes count every order, caused or not."""
    return bool((page.run.world.catalog.incrementality == 1).all())


def gain_in_words(page: Page) -> Markup:
    """The plan's gain over the current mix, and whether its interval leaves it open."""
    judged = page.run.plan_value
    if not has_gain(page):
        return Markup(
            tr("The current mix brings nothing here, so that no gain can be given on it.")
        )
    low, high = judged["vs_current_mix_ci95"]
    goal = words.objective(page.run.world.objective)
    number = page.numbers.percent
    between = Markup(tr("{} to {}")).format(
        number("plan_value:vs_current_mix_ci95.0", low),
        number("plan_value:vs_current_mix_ci95.1", high),
    )
    by = number("plan_value:vs_current_mix_pct", judged["vs_current_mix_pct"])
    if low > 0:
        text = tr("In simulated flights the plan brings {} more {} than the current mix ({}).")
        by = number("plan_value:vs_current_mix_pct", judged["vs_current_mix_pct"], sign=False)
    elif high < 0:
        text = tr("In simulated flights the plan changes {1} by {0} ({2}): it is worse.")
    else:
        text = tr("In simulated flights the plan changes {1} by {0} ({2}): that may be nothing.")
    return Markup(text).format(by, goal, between)


def _sentence(page: Page) -> Markup:
    run, numbers = page.run, page.numbers
    funded = run.plan[run.plan["planned_budget"] > 0]
    count = {name: int(funded[name].nunique()) for name in ("promotion_id", "placement_id")}
    catalog, dates = run.world.catalog, run.world.dates
    segments = len(catalog.segment_ids)
    return Markup(
        tr(
            "From {} the plan spends {} of a budget of {} on {} promotions in {} "
            "placements for {}; the {} made it, and it is held against the current mix."
        )
    ).format(
        period(dates[0], dates[-1]),
        numbers.money("summary:TOTAL.planned_budget", run.total["planned_budget"], cents=False),
        numbers.money("world:budget", run.world.budget, cents=False),
        _of(count["promotion_id"], len(catalog.promotion_ids)),
        _of(count["placement_id"], len(catalog.placement_ids)),
        (tr("{} segment") if segments == 1 else tr("{} segments")).format(segments),
        words.policy(run.simulations["recommended"]),
    )


def _of(some: int, all_: int) -> str:
    return tr("all {}").format(all_) if some == all_ else tr("{} of {}").format(some, all_)
