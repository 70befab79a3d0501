from dataclasses import replace

import numpy as np
import pytest

from promopilot.agents.policy import Policy
from promopilot.agents.replanner import Replanner
from promopilot.agents.rollout import roll_out
from promopilot.agents.simple import Uniform
from promopilot.envs.blocks.log import BlockLog, choices_at, draw, explore_in_blocks, shares_of_plan
from promopilot.envs.dynamics import steady
from promopilot.envs.errors import MarketError
from promopilot.envs.market import Market
from promopilot.envs.response import Saturation
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.experiments.evidence import write_evidence
from promopilot.experiments.ope.bandit.evaluate import evaluate_log
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.settings import OpeSettings

WORLD = synthetic_world(SyntheticSize(promotions=4, days=10))


def log_of(
    world: World, flights: int, exploration: float, policy: Policy | None = None
) -> BlockLog:
    spend = (policy or Replanner(world)).spend
    return explore_in_blocks(world, spend, 3, np.arange(flights), 10, exploration)


LOG = log_of(WORLD, 6, 0.3)
ROWS = np.arange(len(LOG.action))


def test_propensities_are_the_frequencies_of_what_was_drawn() -> None:
    assert ((LOG.propensity > 0) & (LOG.propensity <= 1)).all()
    # The chance of `none` is logged only where it was drawn; its inverse counts its decisions.
    none = LOG.action == 4
    assert (1 / LOG.propensity[none]).sum() == pytest.approx(len(ROWS), rel=0.05)


def test_only_what_was_available_was_drawn() -> None:
    assert LOG.available[ROWS, LOG.action].all()
    assert LOG.available[:, -1].all()
    assert not LOG.available.all()


def test_rewards_have_the_expectation_that_the_market_names() -> None:
    drawn = LOG.expected[ROWS, LOG.action]
    error = (LOG.reward - drawn).mean()
    assert abs(error) < 4 * (LOG.reward - drawn).std() / np.sqrt(len(ROWS))
    assert (LOG.reward[LOG.action == 4] == 0).all()


@pytest.mark.parametrize(
    "limits",
    [
        {"budget": WORLD.budget / 50},
        {"per_day_max": 60.0},
        {"max_spend": np.full(WORLD.catalog.num_line_items, 9.0)},
        {"dynamics": replace(WORLD.dynamics, supply_sd=np.full(len(WORLD.catalog.pools), 0.5))},
    ],
)
def test_every_limit_of_the_market_holds_in_the_log(
    limits: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = replace(WORLD, **limits)
    booked = []
    original = Market.book

    def book(market: Market, *args: np.ndarray):
        supply = market.exogenous.supply[:, market.day]
        outcome = original(market, *args)
        booked.append((outcome, supply))
        return outcome

    monkeypatch.setattr(Market, "book", book)
    log = log_of(world, 3, 0.5)
    assert (log.action != 4).any()
    for outcome, supply in booked:
        assert (outcome.total("spend") <= world.per_day_max + 1e-9).all()
        assert (outcome.spend <= world.max_spend + 1e-9).all()
        assert (world.catalog.by_pool.sum(outcome.impressions) <= supply).all()
    assert (sum(o.total("spend") for o, _ in booked) <= world.budget).all()


def test_the_last_days_still_have_money_to_choose_with() -> None:
    world = WORLD.with_budget(WORLD.budget / 3)
    log = log_of(world, 3, 0.5)
    first, last = (log.available[log.day == day][:, :-1].any(axis=1).mean() for day in (0, 9))
    assert last > 0.8 * first


def test_stock_is_kept_and_rewards_stay_honest() -> None:
    world = synthetic_world(SyntheticSize(promotions=4, days=10, stock=60.0))
    log = log_of(world, 30, 0.3)
    rows = np.arange(len(log.action))
    error = log.reward - log.expected[rows, log.action]
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(len(rows))
    early, late = (log.available[log.day == day][:, :-1].mean() for day in (0, 9))
    assert late < early


def test_shares_are_probabilities_and_fall_to_none_where_unavailable() -> None:
    plan = roll_out(Replanner(WORLD), WORLD, 1, np.arange(20)).by_day.impressions
    chosen = choices_at(LOG, shares_of_plan(WORLD, plan))
    np.testing.assert_allclose(chosen.sum(axis=1), 1.0)
    assert (chosen[~LOG.available] == 0).all()


def test_any_policy_can_fill_blocks_and_its_shares_are_the_propensities() -> None:
    world = replace(
        WORLD,
        dynamics=replace(
            steady(len(WORLD.catalog.pools), len(WORLD.catalog.placement_ids), 4),
            saturation=Saturation("michaelis_menten"),
        ),
    )
    log = log_of(world, 4, 0.2, Uniform())
    plan = roll_out(Uniform(), world, 3, np.arange(4)).by_day.impressions
    rows = np.arange(len(log.action))
    wanted = 0.8 * choices_at(log, shares_of_plan(world, plan))
    wanted += 0.2 * log.available / log.available.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(wanted.sum(axis=1), 1.0)
    # The plan's impressions were rounded to whole ones.
    np.testing.assert_allclose(log.propensity, wanted[rows, log.action], atol=1e-4)
    for action in range(5):
        chance, drawn = wanted[:, action], log.action == action
        assert abs(drawn.mean() - chance.mean()) < 4 * np.sqrt(
            (chance * (1 - chance)).mean() / len(rows)
        )


def test_without_exploring_only_the_policys_own_choices_are_drawn() -> None:
    world = synthetic_world(SyntheticSize(promotions=4, days=3))

    class OnlyTheSecond:
        name = "second"

        def spend(self, market: Market) -> np.ndarray:
            of_it = market.world.catalog.promotion == 1
            return np.tile(np.where(of_it, market.world.budget / 30, 0.0), (market.num_flights, 1))

    log = log_of(world, 2, 0.0, OnlyTheSecond())
    assert set(log.action) == {1, 4}


def test_spend_beyond_the_limits_is_cut_before_it_fills_blocks() -> None:
    class Greedy:
        name = "greedy"

        def spend(self, market: Market) -> np.ndarray:
            each = np.full(market.world.catalog.num_line_items, 1e9)
            each[0] = np.nan
            return np.tile(each, (market.num_flights, 1))

    log = log_of(WORLD, 2, 0.1, Greedy())
    assert np.isfinite(log.propensity).all()
    # All money goes on the first day.
    assert (log.action[log.day == 0] != 4).mean() > 0.5
    assert (log.action[log.day == 9] == 4).all()


def test_where_the_budget_pays_subsidy_blocks_leave_room_for_it() -> None:
    small = WORLD.with_budget(WORLD.budget / 4)
    both = replace(small, covers=("spend", "subsidy"))
    free, held = (log_of(world, 4, 0.5, Uniform()) for world in (small, both))
    assert 0 < (held.action != 4).sum() < 0.8 * (free.action != 4).sum()


def test_drawing_never_picks_what_has_no_chance() -> None:
    chance = np.array([[0.1] * 3 + [0.7 - 1e-16, 0.0]] * 2)
    np.testing.assert_array_equal(draw(chance, np.array([1 - 1e-17, 1e-17])), [3, 0])


@pytest.mark.parametrize("exploration", [-0.1, 1.5, np.nan])
def test_exploration_is_a_share(exploration: float) -> None:
    with pytest.raises(MarketError, match=f"exploration is {exploration}; it must be from 0 to 1"):
        log_of(WORLD, 1, exploration)


def test_offline_estimates_find_the_true_value_of_a_plan() -> None:
    plan = roll_out(Replanner(WORLD), WORLD, 1, np.arange(20)).by_day.impressions
    chosen = choices_at(LOG, shares_of_plan(WORLD, plan))
    truth = (chosen * LOG.expected).sum(axis=1).mean()
    actions = (*WORLD.catalog.promotion_ids, "none")
    log = BanditLog(
        LOG.action, LOG.reward, LOG.propensity, LOG.flight * 10 + LOG.day, "simulated", actions
    )
    found = evaluate_log(log, chosen, LOG.believed, OpeSettings(), 0)
    inside = {
        row["estimator"]: row["ci95"][0] <= truth <= row["ci95"][1] for row in found["estimates"]
    }
    assert inside["ipw"]
    assert inside["snipw"]
    assert inside["dr"]
    assert found["evidence"] == "simulated"
    assert found["verdict"] != "ship"


def test_a_log_of_one_choice_is_no_evidence(tmp_path) -> None:
    world = WORLD.with_budget(0.001)
    nothing = np.zeros((world.days, world.catalog.num_line_items))
    result = write_evidence(world, nothing, np.zeros(5), OpeSettings(), 0, 0, tmp_path)
    assert result["verdict"] == "insufficient_support"
    assert "one choice only, 'none'" in result["reasons"][0]
    assert result["estimates"] == []
    assert (tmp_path / "log.parquet").is_file()
