"""Updates in a row are one flight of the policy: each plans the next day as the policy acted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from promopilot.agents.lookahead.mpc import Mpc
from promopilot.agents.policy import Policy
from promopilot.agents.replanner import Replanner
from promopilot.agents.simple import RoasProportional
from promopilot.envs.dynamics import IMMEDIATE
from promopilot.envs.limits import Group, Limits
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.experiments.update.actuals_file import Known, read_actuals
from promopilot.experiments.update.ledger import Ledger, added
from promopilot.experiments.update.standing import Standing, stand
from tests.market.build import with_parts, without_clicks
from tests.update_flights import Flight, fly, small_run, told

WORLD = synthetic_world(SyntheticSize(promotions=4, placements=2, days=11))
SHORT = synthetic_world(SyntheticSize(promotions=4, placements=2, days=6))
HALF_A_CENT = 0.005


def read(flight: Flight, day: int, folder: Path, *, only_new: bool = False) -> Ledger:
    """The ledger of a flight's export on the morning after a day, read as a file."""
    file, world = folder / "actuals.csv", flight.world
    flight.export(day, only_new=only_new).to_csv(file, index=False)
    for table in ("promotion", "placement", "segment"):
        ids = getattr(world.catalog, f"{table}_ids")
        rows = pd.DataFrame({f"{table}_id": ids, "text": ids})
        rows.to_csv(folder / f"{table}s.csv", index=False)
    return Ledger(read_actuals(file, Known.of_run(world, folder)).readings)


def standing(flight: Flight, day: int, folder: Path, known: Ledger | None = None) -> Standing:
    """Where a flight stands on the morning after a day, from exports and that morning's prices."""
    ledger = read(flight, day, folder)
    if known is not None:
        ledger = added(known, ledger.readings)
    flight.cpm(day + 1).to_csv(folder / "prices.csv", index=False)
    return stand(flight.world, ledger, folder / "prices.csv", 1.0)


def test_ten_updates_in_a_row_equal_one_flight_of_the_policy(tmp_path: Path) -> None:
    policy = Replanner(WORLD)
    flight = fly(WORLD, policy, seed=3)
    run = small_run(tmp_path / "run", WORLD, policy)
    before = (run / "plan.csv").read_bytes()
    for day in range(10):
        flight.cpm(day + 1).to_csv(tmp_path / "prices.csv", index=False)
        update = told(run, flight.export(day), "--prices", str(tmp_path / "prices.csv"))
        tomorrow = WORLD.dates[day + 1].isoformat()
        assert update["folder"] == str(run / "updates" / tomorrow)
        plan = pd.read_csv(run / "updates" / tomorrow / "plan.csv")
        assert plan["date"].min() == tomorrow
        assert plan["date"].nunique() == update["days_left"] == 10 - day
        first = plan[plan["date"] == tomorrow]["planned_budget"].to_numpy()
        # Cents are rounded so that days sum, which moves a row by less than one.
        assert np.abs(first - flight.asked[day + 1]).max() < 0.01
        spent = sum(outcome.spend.sum() for outcome in flight.outcomes[: day + 1])
        assert update["budget"]["spent"] == pytest.approx(spent, abs=HALF_A_CENT)
        assert plan["planned_budget"].sum() <= WORLD.budget - spent + HALF_A_CENT
    assert (run / "plan.csv").read_bytes() == before


def with_subsidy(world: World) -> World:
    return replace(world, covers=("spend", "subsidy"), budget=1.4 * world.budget)


def with_stock(world: World) -> World:
    stock = np.full(world.catalog.num_promotions, 60.0)
    return with_parts(world, catalog={"stock": stock}, dynamics={"delay": IMMEDIATE})


def with_limits(world: World) -> World:
    catalog = world.catalog
    some = Group("placement-0", catalog.placement == 0, max=0.4 * world.budget / world.days)
    limits = replace(
        Limits.none(catalog.num_line_items), groups=(some,), max_step=0.2, exploration=0.05
    )
    return replace(world, limits=limits)


@pytest.mark.parametrize(
    ("change", "policy"),
    [
        pytest.param(without_clicks, Replanner, id="no clicks"),
        pytest.param(with_subsidy, Replanner, id="a budget that covers subsidy"),
        pytest.param(with_stock, Replanner, id="stock"),
        pytest.param(with_limits, Replanner, id="limits"),
        pytest.param(lambda world: world, Mpc, id="look-ahead"),
        pytest.param(lambda world: world, lambda world: RoasProportional(), id="past returns"),
    ],
)
def test_the_next_day_is_planned_as_the_policy_acted(
    change: Callable[[World], World], policy: Callable[[World], Policy], tmp_path: Path
) -> None:
    world = change(SHORT)
    flight = fly(world, policy(world), seed=1)
    known = None
    for day in range(5):  # each morning read, some decided
        today = standing(flight, day, tmp_path, known)
        known = today.ledger
        if day in (0, 4):
            asked = today.market.step(policy(world).spend(today.market)).asked[0]
            np.testing.assert_allclose(asked, flight.asked[day + 1], atol=1e-6)


def test_where_conversions_are_seen_at_once_files_of_the_new_day_alone_are_enough(
    tmp_path: Path,
) -> None:
    world = with_parts(SHORT, dynamics={"delay": IMMEDIATE})
    flight = fly(world, Replanner(world), seed=2)
    ledger = Ledger(pd.DataFrame())
    for day in range(4):
        ledger = added(ledger, read(flight, day, tmp_path, only_new=True).readings)
    flight.cpm(4).to_csv(tmp_path / "prices.csv", index=False)
    today = stand(world, ledger, tmp_path / "prices.csv", 1.0)
    asked = today.market.step(Replanner(world).spend(today.market)).asked[0]
    np.testing.assert_allclose(asked, flight.asked[4], atol=1e-6)


def test_a_day_that_was_not_read_again_counts_only_as_far_as_it_was_read(tmp_path: Path) -> None:
    """Files of new days alone miss late conversions: they are no bad news, and none is made up."""
    flight = fly(SHORT, Replanner(SHORT), seed=2)
    ledger = Ledger(pd.DataFrame())
    for day in range(5):
        rows = read(flight, day, tmp_path).readings
        ledger = added(ledger, rows[rows["date"] == rows["date"].max()])
    today = stand(SHORT, ledger, None, 1.0)
    late = today.flight.stages[-1]
    share = SHORT.dynamics.delay.seen(np.array(1.0))
    clicks = np.nan_to_num(today.happened.clicks) * today.flight.click_weight
    np.testing.assert_allclose(late.trials, clicks * share, atol=1e-9)
    assert late.events.sum() == today.happened.conversions[today.happened.read > 0].sum()


def test_without_prices_the_last_ones_paid_are_expected_to_go_back_to_the_mean(
    tmp_path: Path,
) -> None:
    """Where supply is as expected, what was paid shows the price exactly."""
    dynamics = {"supply_sd": np.zeros(4), "supply_level_sd": np.zeros(4), "reach_sd": np.zeros(2)}
    dynamics |= dict.fromkeys(("supply_day_sd", "weekday_sd", "trend_sd", "supply_walk_sd"), 0.0)
    world = with_parts(SHORT, dynamics=dynamics)
    flight = fly(world, Replanner(world), seed=5)
    today = stand(world, read(flight, 4, tmp_path), None, 1.0)
    law = world.dynamics
    # Impressions are rounded to whole ones, which is all that stands between.
    seen = np.log(flight.prices[4]) + law.price_sd**2 / 2
    np.testing.assert_allclose(today.log_price, seen, atol=0.01)
    kept = law.price_persistence
    mean = np.exp(kept * today.log_price - (law.price_sd * kept) ** 2 / 2)
    np.testing.assert_allclose(
        today.market.unit_cost[0] / world.unit_cost, mean[world.catalog.placement]
    )
