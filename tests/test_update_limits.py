"""What is left of the limits and of a target once days are over."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from promopilot.agents.replanner import Replanner
from promopilot.envs.dynamics import IMMEDIATE
from promopilot.envs.limits import Group, Limits
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.target import Target
from promopilot.envs.world import World
from promopilot.experiments.limits.target_price import priced
from tests.market.build import with_parts
from tests.update_flights import Flight, fly, small_run, told, updated

WORLD = with_parts(
    synthetic_world(SyntheticSize(promotions=3, placements=2, segments=1, days=6)),
    dynamics={"delay": IMMEDIATE},
)
NONE = Limits.none(WORLD.catalog.num_line_items)


def limited(**limits: object) -> World:
    return replace(WORLD, limits=replace(NONE, **limits))  # type: ignore[arg-type]


def plan_of(update: dict[str, Any]) -> pd.DataFrame:
    return pd.read_csv(Path(update["folder"]) / "plan.csv", keep_default_na=False)


def rest_under(world: World, tmp_path: Path, day: int = 1) -> tuple[pd.DataFrame, Flight]:
    """The plan of the days after one, where all went as planned."""
    flight = fly(world, Replanner(world), seed=0)
    run = small_run(tmp_path / "run", world, Replanner(world))
    return plan_of(told(run, flight.export(day))), flight


def test_what_is_locked_stays_and_says_so(tmp_path: Path) -> None:
    locked = WORLD.catalog.promotion == 0
    plan, _ = rest_under(limited(locked=locked), tmp_path)
    rows = plan[plan["promotion_id"] == "promotion-0"]
    assert set(rows["binding_limit"]) == {"lock"}
    assert set(rows["reason"]) == {"held: locked"}
    mix = WORLD.current_mix[2:][:, locked].sum()
    assert rows["planned_budget"].sum() == pytest.approx(mix, abs=0.05)


def test_a_step_starts_from_what_was_spent_yesterday(tmp_path: Path) -> None:
    plan, flight = rest_under(limited(max_step=0.1), tmp_path)
    catalog = WORLD.catalog
    before = catalog.by_promotion.sum(flight.outcomes[1].spend[0])
    first = plan[plan["date"] == plan["date"].min()].groupby("promotion_id")
    planned = first["planned_budget"].sum()[list(catalog.promotion_ids)].to_numpy()
    most = 0.1 * np.maximum(before, WORLD.budget / WORLD.days / catalog.num_promotions)
    assert (np.abs(planned - before) <= most + 0.01).all()
    assert "step" in set(plan["binding_limit"])


def test_testing_goes_on(tmp_path: Path) -> None:
    plan, _ = rest_under(limited(exploration=0.2), tmp_path)
    by_day = plan.groupby("date")["planned_budget"].agg(["min", "sum", "size"])
    assert (by_day["min"] >= 0.2 * by_day["sum"] / by_day["size"] - 0.02).all()
    assert "exploration" in set(plan["binding_limit"])


def test_sums_of_the_flight_count_what_was_spent(tmp_path: Path) -> None:
    first = WORLD.catalog.promotion == 0
    capped = Group("promotion promotion-0", first, max=0.1 * WORLD.budget, whole_flight=True)
    plan, flight = rest_under(limited(groups=(capped,)), tmp_path)
    spent = sum(float(o.spend[0, first].sum()) for o in flight.outcomes[:2])
    planned = plan.loc[plan["promotion_id"] == "promotion-0", "planned_budget"].sum()
    assert spent + planned <= 0.1 * WORLD.budget + 0.01
    assert "promotion promotion-0" in set(plan["binding_limit"])


def test_limits_that_the_money_left_cannot_keep_are_told(tmp_path: Path) -> None:
    needs = Group("promotion promotion-0", WORLD.catalog.promotion == 0, min=0.12 * WORLD.budget)
    world = limited(groups=(needs,))
    flight = fly(world, Replanner(world), seed=0)
    run = small_run(tmp_path / "run", world, Replanner(world))
    rows = flight.export(1)
    update = told(run, rows.assign(spend=0.8 * WORLD.budget / len(rows)))
    (note,) = [n for n in update["taken"]["notes"] if "cannot all hold" in n]
    assert "promotion promotion-0 needs at least" in note
    assert "as far as the money left goes" in note
    assert 0 < update["planned"]["rest"] <= update["budget"]["left"]


def test_steps_that_the_money_left_is_too_little_for_are_told(tmp_path: Path) -> None:
    world = limited(max_step=0.05)
    flight = fly(world, Replanner(world), seed=0)
    run = small_run(tmp_path / "run", world, Replanner(world))
    rows = flight.export(1)
    update = told(run, rows.assign(spend=0.9 * WORLD.budget / len(rows)))
    assert any("from day to day" in n and "money left" in n for n in update["taken"]["notes"])
    assert 0 < update["planned"]["rest"] <= update["budget"]["left"]


# ---- targets ----


@pytest.fixture(scope="module")
def reached() -> float:
    """The ROAS of a plan without a target."""
    flight = fly(WORLD, Replanner(WORLD), seed=0)
    value = sum(float(o.conversion_value.sum()) for o in flight.outcomes)
    return value / sum(float(o.spend.sum()) for o in flight.outcomes)


@pytest.fixture
def aiming(reached: float, tmp_path: Path) -> tuple[Path, Flight, float]:
    """A run whose flight is to reach a tenth more than it would."""
    goal = 1.1 * reached
    world = priced(limited(target=Target(roas=goal)))
    run = small_run(tmp_path / "run", world, Replanner(world))
    return run, fly(world, Replanner(world), seed=0), goal


def test_what_is_left_of_a_target_follows_from_what_happened(
    aiming: tuple[Path, Flight, float],
) -> None:
    """Where money brought less, what is left of it must bring more, and less of it is spent."""
    run, flight, goal = aiming
    rows = flight.export(1)
    planned = {}
    for name, factor in (("as it was", 1.0), ("worse", 0.9)):
        few = rows.assign(conversions=np.floor(factor * rows["conversions"]).astype(int))
        update = told(run, few)
        target = update["target"]
        assert (target["measure"], target["asked"]) == ("roas", goal)
        # What happened and what is planned together meet it, to the precision of the search.
        assert target["expected"] >= goal * (1 - 1e-6)
        planned[name] = update["planned"]["rest"]
        assert "target ROAS" in set(plan_of(update)["binding_limit"])
        shutil.rmtree(run / "updates")
    assert planned["worse"] < planned["as it was"]


def test_a_flight_that_can_no_longer_meet_its_target_still_gets_a_plan(
    aiming: tuple[Path, Flight, float],
) -> None:
    run, flight, goal = aiming
    rows = flight.export(3)
    update = told(run, rows.assign(conversions=0))
    assert update["target"]["so_far"] == 0
    assert update["target"]["expected"] < goal
    assert any("can no longer meet its target" in n or "cannot be met" in n for n in _notes(update))


def _notes(update: dict[str, Any]) -> list[str]:
    found: list[str] = update["taken"]["notes"]
    return found


def with_value(rows: pd.DataFrame, factor: float) -> pd.DataFrame:
    """Rows whose customers paid by a factor what the market has for an order."""
    catalog = WORLD.catalog
    each = dict(zip(catalog.promotion_ids, catalog.conversion_value, strict=True))
    return rows.assign(
        conversion_value=factor * rows["conversions"] * rows["promotion_id"].map(each)
    )


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_target_counts_what_customers_paid(
    aiming: tuple[Path, Flight, float], factor: float
) -> None:
    run, flight, _ = aiming
    rows = with_value(flight.export(1), factor)
    update = told(run, rows)
    paid, orders = rows["conversion_value"].sum(), rows["conversions"].sum()
    assert update["target"]["so_far"] == pytest.approx(paid / rows["spend"].sum(), abs=1e-4)
    (note,) = [n for n in _notes(update) if "conversion_value" in n]
    assert f"on average {paid / orders:,.2f} USD where {paid / orders / factor:,.2f} was" in note
    # An order whose payment is not recorded is worth what the promotion's others were.
    first = rows["promotion_id"] != rows["promotion_id"].iloc[0]
    some = rows.assign(conversion_value=rows["conversion_value"].where(first | (rows.index < 2)))
    part = told(run, some, "--out", str(run.parent / "part"))
    assert part["target"] == update["target"]
    assert any(f"of {orders:,.0f} orders; the days" in n for n in _notes(part))


def test_without_recorded_payments_the_plans_are_told_to_count(
    aiming: tuple[Path, Flight, float],
) -> None:
    run, flight, _ = aiming
    rows = flight.export(1)
    plain = told(run, rows)
    assert any("no conversion_value is recorded" in n for n in _notes(plain))
    same = told(run, with_value(rows, 1.0), "--out", str(run.parent / "same"))
    assert same["target"] == plain["target"]


def test_orders_on_what_the_plan_may_not_fund_count_with_their_money(
    aiming: tuple[Path, Flight, float],
) -> None:
    """The same again elsewhere: twice the money brought twice the orders."""
    run, flight, _ = aiming
    rows = flight.export(1)
    plain = told(run, rows)
    other = rows.assign(segment_id="segment-of-another-plan")
    both = told(run, pd.concat([rows, other]), "--out", str(run.parent / "both"))
    assert both["target"]["so_far"] == pytest.approx(plain["target"]["so_far"], abs=1e-4)
    assert both["budget"]["spent"] == pytest.approx(2 * plain["budget"]["spent"], abs=0.011)
    assert any("as do the orders that they brought" in n for n in _notes(both))


LATE = synthetic_world(SyntheticSize(promotions=3, placements=2, segments=1, days=6))


def late_update(folder: Path, world: World, rows: pd.DataFrame) -> dict[str, Any]:
    aim = replace(NONE, target=Target(roas=0.01))
    world = priced(replace(world, limits=aim))
    folder.mkdir()
    return told(small_run(folder / "run", world, Replanner(world)), rows)


def test_orders_that_are_still_to_come_count_what_those_that_came_were_worth(
    tmp_path: Path,
) -> None:
    rows = fly(LATE, Replanner(LATE), seed=0).export(2)
    plain = late_update(tmp_path / "plain", LATE, rows)
    assert sum(row["still_to_come"] for row in plain["promotions"]) > 1
    double = late_update(tmp_path / "double", LATE, with_value(rows, 2.0))
    assert double["target"]["so_far"] == pytest.approx(2 * plain["target"]["so_far"], abs=2e-4)
    # Elsewhere it takes as long until orders come in.
    other = rows.assign(segment_id="segment-of-another-plan")
    both = late_update(tmp_path / "both", LATE, pd.concat([rows, other]))
    assert both["target"]["so_far"] == pytest.approx(plain["target"]["so_far"], rel=0.1)


def test_orders_of_days_before_the_flight_are_not_still_to_come(tmp_path: Path) -> None:
    rows = fly(LATE, Replanner(LATE), seed=0).export(2)
    waiting = with_parts(LATE, initial={"pending": np.full_like(LATE.initial.pending, 40.0)})
    plain = late_update(tmp_path / "plain", LATE, rows)
    after = late_update(tmp_path / "after", waiting, rows)
    assert after["target"]["so_far"] == plain["target"]["so_far"]
    for mine, theirs in zip(after["promotions"], plain["promotions"], strict=True):
        assert mine["still_to_come"] == theirs["still_to_come"]


# ---- other limits from today on ----


@pytest.fixture(scope="module")
def flown() -> Flight:
    return fly(WORLD, Replanner(WORLD), seed=0)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return small_run(tmp_path / "run", WORLD, Replanner(WORLD))


def test_limits_that_are_given_hold_from_today_on_and_in_later_updates(
    run: Path, flown: Flight, tmp_path: Path
) -> None:
    text = "bounds: [{promotion: promotion-0, max: 5}]\n"
    (tmp_path / "new.yaml").write_text(text, encoding="utf-8")
    before = told(run, flown.export(1))
    assert plan_of(before).query("promotion_id == 'promotion-0'")["planned_budget"].max() > 5
    shutil.rmtree(run / "updates")
    for day, more in ((1, ["--limits", str(tmp_path / "new.yaml")]), (2, [])):
        update = told(run, flown.export(day), *more)
        assert (Path(update["folder"]) / "limits.yaml").read_text(encoding="utf-8") == text
        rows = plan_of(update).query("promotion_id == 'promotion-0'")
        assert rows.groupby("date")["planned_budget"].sum().max() <= 5


def test_a_budget_that_is_given_counts_what_was_spent(
    run: Path, flown: Flight, tmp_path: Path
) -> None:
    total = round(0.8 * WORLD.budget, 2)
    (tmp_path / "new.yaml").write_text(f"budget: {{total: {total}}}\n", encoding="utf-8")
    update = told(run, flown.export(1), "--limits", str(tmp_path / "new.yaml"))
    assert update["budget"]["total"] == total
    assert update["budget"]["left"] == pytest.approx(total - update["budget"]["spent"], abs=0.011)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bounds: [{promotion: pizza, max: 5}]", "pizza"),
        ("bound: []", "new.yaml"),
        ("targets: {roas: 1000}", "roas of 1000 cannot be met"),
        ("bounds: [{promotion: promotion-0, min: 1e9}]", "cannot all hold"),
    ],
)
def test_limits_that_cannot_be_used_are_refused_and_nothing_is_written(
    run: Path, flown: Flight, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "new.yaml").write_text(text, encoding="utf-8")
    result = updated(run, flown.export(1), "--limits", str(tmp_path / "new.yaml"))
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert not (run / "updates").exists()


def test_what_is_locked_stays_where_less_money_is_left_than_the_mix_spends(
    tmp_path: Path,
) -> None:
    locked = WORLD.catalog.promotion == 0
    world = limited(locked=locked)
    flight = fly(world, Replanner(world), seed=0)
    run = small_run(tmp_path / "run", world, Replanner(world))
    rows, mix = flight.export(1), WORLD.current_mix[2:]
    left = float(mix[:, locked].sum() + mix.sum()) / 2
    update = told(run, rows.assign(spend=(WORLD.budget - left) / len(rows)))
    plan = plan_of(update)
    assert plan["current_budget"].sum() == pytest.approx(mix.sum(), abs=0.005 * len(plan))
    kept = plan[plan["promotion_id"] == "promotion-0"]
    assert kept["planned_budget"].tolist() == kept["current_budget"].tolist()
    assert update["planned"]["rest"] <= left + 0.01
