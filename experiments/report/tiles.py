"""The tiles: the plan in six figures."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.gain import gain
from promopilot.experiments.report.kept import kept, kept_key
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import NONE
from promopilot.experiments.report.section import Page

_UNSPENT = "summary:TOTAL.planned_budget - plan_value:spend_mean"
_MIX = "simulations:books.current_mix"


@dataclass(frozen=True)
class Tile:
    """One figure, large."""

    label: str
    value: Markup
    detail: Markup
    tone: str = ""  # `good`, `bad` or nothing


def _returns(page: Page) -> tuple[Markup, Markup]:
    """Profit and revenue per unit of the current mix's spend, on the test flights."""
    books = page.run.simulations["books"]["current_mix"]
    spent = float(books["spend_mean"])
    if spent <= 0:
        return Markup(NONE), Markup(NONE)

    def per_unit(name: str) -> Markup:
        key = f"{_MIX}.{name} / {_MIX}.spend_mean"
        return page.numbers.decimal(key, float(books[name]) / spent)

    return per_unit("profit_mean"), per_unit("conversion_value_mean")


def tiles(page: Page) -> list[Tile]:
    """What is read first."""
    run, numbers, total = page.run, page.numbers, page.run.total
    judged, goal = run.plan_value, words.objective(run.world.objective)
    current = run.simulations["policies"]["current_mix"]
    planned, mix = float(total["planned_budget"]), float(total["current_budget"])
    poas, roas = _returns(page)
    profit, value = float(total["expected_profit"]), float(total["expected_conversion_value"])
    return [
        _gain(page),
        Tile(
            tr("{} expected").format(words.capital(goal)),
            numbers.outcome(
                "plan_value:value_as_exported", judged["value_as_exported"], run.world.objective
            ),
            Markup(tr("current mix {}")).format(
                numbers.outcome(
                    "simulations:policies.current_mix.value_mean",
                    current["value_mean"],
                    run.world.objective,
                )
            ),
        ),
        Tile(
            tr("Media budget planned"),
            numbers.money("summary:TOTAL.planned_budget", planned),
            Markup(tr("current mix {}")).format(numbers.money("summary:TOTAL.current_budget", mix)),
        ),
        Tile(
            tr("Money kept"),
            numbers.money(kept_key(page), kept(page)),
            _why_kept(page),
        ),
        Tile(
            tr("Profit before media"),
            numbers.money("summary:TOTAL.expected_profit", profit),
            Markup(tr("in 8 of 10 flights {} to {}")).format(
                numbers.money("summary:TOTAL.profit_p10", total["profit_p10"]),
                numbers.money("summary:TOTAL.profit_p90", total["profit_p90"]),
            ),
        ),
        Tile(
            tr("Profit per {}1 of media (POAS)").format(numbers.symbol.strip()),
            numbers.decimal(
                _per_planned("expected_profit"), profit / planned if planned > 0 else None
            ),
            Markup(tr("current mix {}; revenue per {}1 (ROAS) {}, current mix {}")).format(
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


def _gain(page: Page) -> Tile:
    found = gain(page)
    assumed = page.run.parameter_sources.get("current mix", "").startswith("assumption")
    return Tile(
        tr("{} against the current mix").format(
            words.capital(words.objective(page.run.world.objective))
        ),
        found.signed,
        Markup(tr("range {}{}")).format(
            found.between, tr("; the current mix is an assumption") if assumed else ""
        ),
        {1: "good", -1: "bad", 0: ""}[found.sure],
    )


def _per_planned(column: str) -> str:
    return f"summary:TOTAL.{column} / summary:TOTAL.planned_budget"


def _why_kept(page: Page) -> Markup:
    run, share = page.run, kept(page) / page.run.world.budget
    if share >= 0.0005:
        reason = tr("more would cost more than it brings")
        if (run.plan["binding_limit"] == "day budget").any():
            reason = tr("a day's budget or the next unit's return stops it")
        return Markup(tr("{} of the budget: {}")).format(
            page.numbers.share(f"{kept_key(page)} / world:budget", share, 1), reason
        )
    text = Markup(tr("the whole budget is planned"))
    if "subsidy" in run.world.covers:
        text += Markup(tr(", {} of it for discounts")).format(
            page.numbers.money(
                "summary:TOTAL.expected_subsidy", float(run.total["expected_subsidy"])
            )
        )
    unspent = float(run.total["planned_budget"]) - float(run.plan_value["spend_mean"])
    if unspent < 0.005 * run.world.budget:
        return text
    return text + Markup(tr("; about {} of it may not be charged, where exposures run out")).format(
        page.numbers.money(_UNSPENT, unspent)
    )
