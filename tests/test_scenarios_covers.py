"""Budgets that pay for media alone, and for discounts too: told figures against trying it out."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import roll_out
from promopilot.envs.limits import Group, Limits
from promopilot.envs.synthetic import synthetic_world
from promopilot.envs.world import World
from promopilot.experiments.plan.reference import TablePolicy, reference_table
from promopilot.experiments.plan.whole_cents import mix_in_cents
from promopilot.experiments.progress import silent
from promopilot.experiments.scenarios.break_even import break_even
from promopilot.experiments.scenarios.budgets import scenarios
from promopilot.experiments.scenarios.document import scenarios_of
from promopilot.experiments.scenarios.falling import why_falling
from promopilot.experiments.scenarios.limit_costs import limit_costs
from promopilot.experiments.scenarios.next_unit import next_unit
from promopilot.experiments.scenarios.planner import Planner
from promopilot.experiments.scenarios.target import Target
from promopilot.experiments.scenarios.targets import answer
from promopilot.experiments.scenarios.told import notes
from promopilot.experiments.scenarios.told import told as printed
from promopilot.experiments.scenarios.totals import expected, played
from tests.test_scenarios import FLIGHTS, SIZE, planner_of

COVERS = [("spend",), ("spend", "subsidy")]


def short(covers: tuple[str, ...]) -> World:
    """A world in which money is short."""
    world = synthetic_world(SIZE, covers=covers)
    return world.with_budget(round(world.budget / 3, 2))


@pytest.fixture(scope="module", params=COVERS, ids=["media", "media and discounts"])
def planner(request: pytest.FixtureRequest) -> Planner:
    return planner_of(short(request.param))


def brute(world: World) -> tuple[float, float, float, float]:
    """Media, outlay, profit before media and net profit of the plan of a world, made anew."""
    table = reference_table(Replanner(world), world)
    totals = expected(world, table.spend)
    media, profit = float(table.spend.sum()), totals.value("profit")
    held = float(table.subsidy.sum()) if "subsidy" in world.covers else 0.0
    return media, media + held, profit, profit - totals.value("spend")


def test_the_next_unit_is_what_a_little_more_budget_brings(planner: Planner) -> None:
    budget = planner.world.budget
    told = next_unit(planner, budget)
    less, more = (brute(planner.world.with_budget(round(budget * k, 2))) for k in (0.97, 1.03))
    assert told is not None
    assert told.poas == pytest.approx((more[2] - less[2]) / (more[0] - less[0]), rel=0.05)
    each = (more[3] - less[3]) / (0.06 * budget)
    assert told.objective == pytest.approx(each, rel=0.05)
    (row,) = limit_costs(planner, silent)
    assert row["per_unit"] == pytest.approx(told.objective, abs=1e-4)


def test_little_budget_finds_use_whatever_it_pays_for(planner: Planner) -> None:
    """Where most of a budget goes into discounts, media alone tells little of its use."""
    budget = round(planner.world.budget / 4, 2)
    following = next_unit(planner, budget)
    assert following is not None
    assert following.pays


def test_the_next_unit_of_budget_is_what_the_limits_line_says(planner: Planner) -> None:
    """The objective is profit after media: the table and the list of limits tell the same."""
    document = scenarios_of(planner, [planner.world.budget], [], silent)
    row = next(row for row in document["scenarios"] if "run" in row["role"])
    assert document["limits"][0]["per_unit"] == row["marginal_net_profit"]
    text = printed(document, [])
    line = next(line for line in text.splitlines() if "the run's budget" in line)
    each = "marginal_poas" if planner.world.covers == COVERS[0] else "marginal_net_profit"
    assert line.split("  the run's budget")[0].endswith(f" {row[each]:,.2f}")
    assert ("1.00 USD of media" in text) == (planner.world.covers == COVERS[0])
    assert ("1.00 USD of budget" in text) == (planner.world.covers == COVERS[1])


@pytest.mark.parametrize("share", [1.0, 2.0])
def test_the_current_mix_is_worth_the_same_whatever_the_budget_pays_for(share: float) -> None:
    """A budget that covers discounts and runs out would end today's mix early."""
    plain = synthetic_world(SIZE)
    plain = plain.with_budget(round(float(plain.current_spend.sum()) * share, 2))
    world = replace(plain, covers=COVERS[1], current_spend=share * plain.current_spend)
    told = scenarios_of(planner_of(world), [world.budget], [], silent)["current_mix"]
    mix = TablePolicy(mix_in_cents(world) / 100)
    day = roll_out(mix, replace(world, covers=COVERS[0]), 3, np.arange(FLIGHTS)).by_day
    for name in ("spend", "conversions", "subsidy", "profit"):
        assert told[name] == pytest.approx(getattr(day, name).sum(), abs=0.01)
    assert told["held_for_subsidy"] == told["subsidy"]


def dear_discounts() -> World:
    """Of two promotions one earns more, by discounts; it displaces one whose media is dear."""
    world = synthetic_world(replace(SIZE, promotions=2, placements=1), covers=COVERS[1])
    money = {"price": [20.0, 60.0], "unit_subsidy": [0.5, 15.0], "conversion_value": [19.5, 45.0]}
    catalog = replace(world.catalog, **{name: np.array(of) for name, of in money.items()})
    unit_cost, reach = np.array([0.004, 0.001]), np.array([0.9, 0.9])
    return replace(world, catalog=catalog, unit_cost=unit_cost, reach_share=reach)


def test_discounts_that_pay_count_though_no_more_media_is_planned() -> None:
    own = planner_of(dear_discounts().with_budget(1600.0))
    document = scenarios_of(own, [1600.0], [], silent)
    row = next(row for row in document["scenarios"] if "run" in row["role"])
    less, more = (own.expected(budget) for budget in (1600.0, 1632.0))
    assert more.planned < less.planned
    each = (more.value("net_profit") - less.value("net_profit")) / 32.0
    assert row["marginal_net_profit"] == pytest.approx(each, rel=1e-3)
    assert row["marginal_net_profit"] > 0.1
    assert (row["marginal_poas"], row["marginal_roas"]) == (None, None)
    at = own.expected(document["break_even"]["budget"]).value("net_profit")
    for budget in (1000.0, 1300.0, 1600.0, 2400.0, 4800.0):
        assert own.expected(budget).value("net_profit") <= at * 1.005


def test_the_budget_costs_what_lifting_it_gains(planner: Planner) -> None:
    world = planner.world
    (row,) = limit_costs(planner, silent)
    assert row["limit"] == f"the budget of {world.budget:,.2f} for the flight"
    free = brute(world.with_budget(64 * world.budget))[3]
    assert row["cost"] == pytest.approx(free - brute(world)[3], rel=0.01)


def test_what_is_kept_is_neither_planned_nor_held_for_discounts(planner: Planner) -> None:
    world = planner.world
    found, _ = scenarios(planner, {"run": world.budget}, [40 * world.budget], silent)
    for one in found:
        row, played = one.as_row(), planner.played(one.budget)
        held = played.subsidy.mean() if "subsidy" in world.covers else 0.0
        assert row["held_for_subsidy"] == pytest.approx(held, abs=0.01)
        kept = max(one.budget - row["planned_budget"] - held, 0.0)
        assert row["kept"] == pytest.approx(kept, abs=0.02)
    small, large = (one.as_row() for one in found)
    assert small["kept"] < 0.1 * world.budget
    assert large["kept"] > 20 * world.budget
    assert large["marginal_poas"] is None


def test_the_break_even_is_the_best_budget(planner: Planner) -> None:
    found = break_even(planner, silent)
    most = brute(planner.world.with_budget(found.budget))[3]
    for share in (0.5, 0.7, 1.3, 2.0):
        other = planner.world.with_budget(round(share * found.budget, 2))
        assert brute(other)[3] <= most * 1.01


@pytest.mark.parametrize("measure", ["profit", "conversions"])
def test_no_smaller_budget_reaches_the_target(planner: Planner, measure: str) -> None:
    value = 1.2 * Target(measure, 0).of(planner.played(planner.world.budget))
    found = answer(planner, Target(measure, value), silent)
    assert found["met"]

    def brought(budget: float) -> float:
        world = planner.world.with_budget(round(budget, 2))
        table = TablePolicy(reference_table(Replanner(world), world).spend)
        day = roll_out(table, world, planner.seed, np.arange(FLIGHTS)).by_day
        return float(getattr(day, measure).sum())

    assert brought(found["budget"]) >= value * 0.995
    assert brought(found["budget"] * 0.93) < value


def test_a_table_brings_the_same_whenever_its_orders_are_seen(planner: Planner) -> None:
    """Tables are played with orders seen at once: nobody looks."""
    world, table = planner.world, planner.table(planner.world.budget)
    told = planner.played(world.budget)
    late = roll_out(TablePolicy(table), world, planner.seed, np.arange(FLIGHTS))
    np.testing.assert_allclose(told.profit, late.profit.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(told.net_profit, late.value, rtol=1e-12)


def test_a_table_that_falls_behind_a_minimums_pace_is_played_as_it_stands(planner: Planner) -> None:
    world, table = planner.world, planner.table(planner.world.budget).copy()
    table[:-1] /= 2  # later than evenly, and within the budget
    of_tea = np.asarray(world.catalog.promotion == 0)
    group = Group("Tea", of_tea, min=float(table[:, of_tea].sum()), whole_flight=True)
    limits = replace(Limits.none(world.catalog.num_line_items), groups=(group,))
    bound = replace(world, limits=limits)
    for told, free in (
        (expected(bound, table), expected(world, table)),
        (played(bound, table, 3, FLIGHTS), played(world, table, 3, FLIGHTS)),
    ):
        np.testing.assert_array_equal(told.spend, free.spend)
        np.testing.assert_array_equal(told.profit, free.profit)


def test_a_limit_beside_the_budget_costs_what_dropping_it_gains(planner: Planner) -> None:
    world = planner.world
    group = Group("Tea", np.asarray(world.catalog.promotion != 0), max=world.budget / 60)
    limits = replace(Limits.none(world.catalog.num_line_items), groups=(group,))
    bound = replace(world, limits=limits)
    row = next(r for r in limit_costs(planner_of(bound), silent) if "Tea" in r["limit"])
    assert row["cost"] == pytest.approx(brute(world)[3] - brute(bound)[3], rel=0.02)
    looser = replace(limits, groups=(replace(group, max=group.max * 1.02),))
    gain = brute(replace(world, limits=looser))[3] - brute(bound)[3]
    assert row["per_unit"] == pytest.approx(gain / (0.02 * float(group.max)), rel=0.05)


@pytest.mark.parametrize(
    ("covers", "stock", "planned", "held", "told"),
    [
        (COVERS[0], False, [50.0, 60.0], [0.0, 0.0], None),
        (COVERS[0], False, [50.0, 49.99], [0.0, 0.0], None),  # a rounding
        (COVERS[0], False, [50.0, 45.0], [0.0, 0.0], "limits tie days and promotions"),
        (COVERS[0], True, [50.0, 45.0], [0.0, 0.0], "sells out on earlier days"),
        (COVERS[1], True, [50.0, 45.0], [30.0, 40.0], "holds that money, and more, for discounts"),
        (COVERS[1], True, [50.0, 45.0], [30.0, 29.0], "sells out on earlier days"),
        (COVERS[1], False, [50.0, 60.0], [30.0, 31.0], None),
    ],
)
def test_media_that_falls_while_the_budget_rises_is_explained(
    covers: tuple[str, ...], stock: bool, planned: list[float], held: list[float], told: str | None
) -> None:
    pairs = zip(planned, held, strict=True)
    rows = [{"planned_budget": media, "held_for_subsidy": kept} for media, kept in pairs]
    found = " ".join(notes({"covers": list(covers), "has_stock": stock, "scenarios": rows}))
    assert ("The budget pays for discounts too" in found) == ("subsidy" in covers)
    assert (told or "") in found
    assert ("falls" in found) == (told is not None)


def test_with_stock_more_budget_may_plan_less_media() -> None:
    """What happens: more money sells the stock on earlier days, and the rest is kept."""
    world = synthetic_world(
        replace(SIZE, days=6, stock=12.0), seed=1, covers=COVERS[1], objective="conversions"
    )
    own = planner_of(world)
    budgets = [round(k * world.budget, 2) for k in (1, 2, 3, 4, 6)]
    plans = [own.expected(budget) for budget in budgets]
    rows = [
        {"planned_budget": one.planned, "held_for_subsidy": one.outlay(COVERS[1]) - one.planned}
        for one in plans
    ]
    document = {"scenarios": rows, "has_stock": True}
    assert why_falling(document) == "stock"
    fallen = next(b for a, b in pairwise(plans) if b.planned < 0.999 * a.planned)
    assert fallen.outlay(COVERS[1]) < budgets[plans.index(fallen)] * 0.9  # the rest is kept


@pytest.mark.parametrize("covers", COVERS)
def test_an_even_smaller_budget_never_plans_more(covers: tuple[str, ...]) -> None:
    own = planner_of(short(covers))
    outlays = [
        own.expected(round(own.world.budget * k, 2)).outlay(covers)
        for k in np.geomspace(0.1, 20, 12)
    ]
    assert all(b >= a * (1 - 1e-3) for a, b in pairwise(outlays))
