"""The scenario in one sentence, the tiles, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.comparison import large_gain
from promopilot.experiments.report.numbers import KEPT, NONE
from promopilot.experiments.report.replay import replay
from promopilot.experiments.report.section import Page, Section, period

_UNSPENT = (
    "summary:TOTAL.planned_budget - summary:TOTAL.expected_profit + plan_value:value_as_exported"
)


@dataclass(frozen=True)
class Tile:
    """One figure, large."""

    label: str
    value: Markup
    detail: Markup
    tone: str = ""  # `good`, `bad` or nothing


def section(page: Page) -> Section:
    """What is planned, what it brings, and whether to act on it."""
    run = page.run
    verdict = run.ope["verdict"]
    headline, advice = words.VERDICTS.get(verdict, (words.spaced(verdict), ""))
    view = {
        "sentence": _sentence(page),
        "tiles": _tiles(page),
        "verdict": verdict,
        "headline": headline,
        "advice": advice,
        "reasons": run.ope["reasons"],
        "attributed": attributed(page),
        "gain": gain_in_words(page),
        "large_gain": large_gain(page),
    }
    return Section("summary", "Summary", "scenario.html", view)


def attributed(page: Page) -> bool:
    """Whether outcomes count every order, caused or not."""
    return bool((page.run.world.catalog.incrementality == 1).all())


def gain_in_words(page: Page) -> Markup:
    """The plan's gain over the current mix, and whether its interval leaves it open."""
    judged = page.run.plan_value
    low, high = judged["vs_current_mix_ci95"]
    goal = words.objective(page.run.world.objective)
    number = page.numbers.percent
    between = Markup("{} to {}").format(
        number("plan_value:vs_current_mix_ci95.0", low),
        number("plan_value:vs_current_mix_ci95.1", high),
    )
    by = number("plan_value:vs_current_mix_pct", judged["vs_current_mix_pct"])
    if low > 0:
        text = "In simulated flights the plan brings {} more {} than the current mix ({})."
        by = number("plan_value:vs_current_mix_pct", judged["vs_current_mix_pct"], sign=False)
    elif high < 0:
        text = "In simulated flights the plan changes {1} by {0} ({2}): it is worse."
    else:
        text = "In simulated flights the plan changes {1} by {0} ({2}): that may be nothing."
    return Markup(text).format(by, goal, between)


def _sentence(page: Page) -> Markup:
    run, numbers = page.run, page.numbers
    funded = run.plan[run.plan["planned_budget"] > 0]
    count = {name: int(funded[name].nunique()) for name in ("promotion_id", "placement_id")}
    catalog, dates = run.world.catalog, run.world.dates
    segments = len(catalog.segment_ids)
    return Markup(
        "From {} the plan spends {} of a budget of {} on {} promotions in {} "
        "placements for {} {}; the {} made it, and it is held against the current mix."
    ).format(
        period(dates[0], dates[-1]),
        numbers.money("summary:TOTAL.planned_budget", run.total["planned_budget"], cents=False),
        numbers.money("world:budget", run.world.budget, cents=False),
        _of(count["promotion_id"], len(catalog.promotion_ids)),
        _of(count["placement_id"], len(catalog.placement_ids)),
        segments,
        "segment" if segments == 1 else "segments",
        words.policy(run.simulations["recommended"]),
    )


def _of(some: int, all_: int) -> str:
    return f"all {all_}" if some == all_ else f"{some} of {all_}"


def _returns(page: Page) -> tuple[Markup, Markup]:
    """Profit and revenue per unit of the current mix's spend, in the average flight.

    The files hold neither; one decimal is as close as the average flight is to the mean of flights.
    """
    books = replay(page.run.world, page.run.spend("current_budget"))
    spent = float(books.spend.sum())
    if spent <= 0:
        return Markup(NONE), Markup(NONE)
    per_unit = [float(books.profit.sum()) / spent, float(books.conversion_value.sum()) / spent]
    decimal = page.numbers.decimal
    return decimal("average:poas", per_unit[0], 1), decimal("average:roas", per_unit[1], 1)


def _tiles(page: Page) -> list[Tile]:
    run, numbers, total = page.run, page.numbers, page.run.total
    judged, goal = run.plan_value, words.objective(run.world.objective)
    current = run.simulations["policies"]["current_mix"]
    low, high = judged["vs_current_mix_ci95"]
    planned, mix = float(total["planned_budget"]), float(total["current_budget"])
    kept = run.world.budget - planned
    poas, roas = _returns(page)
    profit, value = float(total["expected_profit"]), float(total["expected_conversion_value"])
    tone = "good" if low > 0 else "bad" if high < 0 else ""
    percent = numbers.percent
    return [
        Tile(
            f"{goal[0].upper()}{goal[1:]} against the current mix",
            percent("plan_value:vs_current_mix_pct", judged["vs_current_mix_pct"]),
            Markup("between {} and {}").format(
                percent("plan_value:vs_current_mix_ci95.0", low),
                percent("plan_value:vs_current_mix_ci95.1", high),
            ),
            tone,
        ),
        Tile(
            f"{goal[0].upper()}{goal[1:]} expected",
            numbers.outcome(
                "plan_value:value_as_exported", judged["value_as_exported"], run.world.objective
            ),
            Markup("current mix {}").format(
                numbers.outcome(
                    "simulations:policies.current_mix.value_mean",
                    current["value_mean"],
                    run.world.objective,
                )
            ),
        ),
        Tile(
            "Media budget planned",
            numbers.money("summary:TOTAL.planned_budget", planned),
            Markup("current mix {}").format(numbers.money("summary:TOTAL.current_budget", mix)),
        ),
        Tile(
            "Money kept",
            numbers.money(KEPT, kept),
            _why_kept(page, kept),
        ),
        Tile(
            "Profit before media",
            numbers.money("summary:TOTAL.expected_profit", profit),
            Markup("in 8 of 10 flights {} to {}").format(
                numbers.money("summary:TOTAL.profit_p10", total["profit_p10"]),
                numbers.money("summary:TOTAL.profit_p90", total["profit_p90"]),
            ),
        ),
        Tile(
            f"Profit per {numbers.symbol.strip()}1 of media (POAS)",
            numbers.decimal(
                _per_planned("expected_profit"), profit / planned if planned > 0 else None
            ),
            Markup("current mix about {}; revenue per {}1 (ROAS) {}, current mix about {}").format(
                poas,
                numbers.symbol.strip(),
                numbers.decimal(
                    _per_planned("expected_conversion_value"),
                    value / planned if planned > 0 else None,
                ),
                roas,
            ),
        ),
    ]


def _per_planned(column: str) -> str:
    return f"summary:TOTAL.{column} / summary:TOTAL.planned_budget"


def _why_kept(page: Page, kept: float) -> Markup:
    run, share = page.run, kept / page.run.world.budget
    if share >= 0.0005:
        reason = "more would cost more than it brings"
        if (run.plan["binding_limit"] == "day budget").any():
            reason = "a day's budget or the next unit's return stops it"
        return Markup("{} of the budget: {}").format(
            page.numbers.share(f"{KEPT} / world:budget", share, 1), reason
        )
    text = Markup("the whole budget is planned")
    if run.world.objective != "net_profit":
        return text
    # Profit less net profit is what placements are expected to charge.
    unspent = float(run.total["planned_budget"]) - (
        float(run.total["expected_profit"]) - float(run.plan_value["value_as_exported"])
    )
    if unspent < 0.005 * run.world.budget:
        return text
    return text + Markup("; about {} of it may not be charged, where exposures run out").format(
        page.numbers.money(_UNSPENT, unspent)
    )
