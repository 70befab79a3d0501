"""Who fills blocks without learning: the most profitable promotion, plainly, paced and priced."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from promopilot.agents.placement.money_left import MoneyLeft
from promopilot.envs.arrays import Bools, Floats, Ints
from promopilot.envs.blocks.flights import BlockFlights
from promopilot.envs.replan import Replan
from promopilot.envs.views.ad_observation import GLOBAL_NAMES, PROMOTION_NAMES
from promopilot.envs.world import World

_PROFIT, _COST, _AVAILABLE = (PROMOTION_NAMES.index(n) for n in ("profit", "cost", "available"))


class BlockPolicy(Protocol):
    """Decides what fills the next block of every flight of a batch.

    It may look at what was observed, at the mask and at the money left, at nothing hidden.
    """

    @property
    def name(self) -> str:
        """The policy's name in files, e.g. `dqn`."""
        ...

    def choose(self, batch: BlockFlights, observed: np.ndarray) -> Ints:
        """Actions `[N]` for the next block, seen as `observed` `[N, size]`."""
        ...


def promotions_of(observed: np.ndarray) -> np.ndarray:
    """What was observed of each promotion: `[N, P, len(PROMOTION_NAMES)]` of `[N, size]`."""
    return observed[:, len(GLOBAL_NAMES) :].reshape(len(observed), -1, len(PROMOTION_NAMES))


def available_in(observed: np.ndarray) -> Bools:
    """[N, P + 1] whether each action can be taken; `none`, the last one, always can."""
    each = promotions_of(observed)[..., _AVAILABLE] > 0
    return np.asarray(np.c_[each, np.ones(len(each), dtype=bool)])


def profit_and_cost(observed: np.ndarray) -> tuple[Floats, Floats]:
    """Expected profit and media cost `[N, P]` of the block, in units of reward."""
    each = promotions_of(observed).astype(np.float64)
    profit = np.copysign(np.expm1(np.abs(each[..., _PROFIT])), each[..., _PROFIT])
    return profit, np.expm1(each[..., _COST])


def best_of(gain: Floats, available: Bools) -> Ints:
    """Actions `[N]`: the available promotion of the highest gain `[N, P]` above 0, or none."""
    score = np.where(available[:, :-1], gain, -np.inf)
    best = score.argmax(axis=1)
    worth_it = score[np.arange(len(score)), best] > 0
    return np.asarray(np.where(worth_it, best, score.shape[1]), dtype=np.int64)


@dataclass(frozen=True)
class Greedy:
    """The available promotion of the highest expected profit; none where no profit is above 0."""

    name: str = "greedy"

    def choose(self, batch: BlockFlights, observed: np.ndarray) -> Ints:
        """The best of what was observed."""
        # The logarithm that profit is observed as keeps its sign and order.
        return best_of(promotions_of(observed)[..., _PROFIT], available_in(observed))


class PacedGreedy:
    """Greedy, with at most the re-planner's share of the money left spent each day.

    Inside a day money is released block by block, so that no pool is left without.

    Args:
        world: What is played.
    """

    name = "greedy_paced"

    def __init__(self, world: World) -> None:
        self._replan, self._greedy = Replan(world), Greedy()

    def choose(self, batch: BlockFlights, observed: np.ndarray) -> Ints:
        """The best of what was observed, or none while money is spent ahead of its pace."""
        day, market = batch.day, batch.market
        if day is None:
            return np.full(len(observed), batch.num_actions - 1)
        released = (day.filled + 1) / day.blocks.decisions_per_day
        on_time = market.budget_left - batch.budget_left < released * self._replan.budget_today(
            market
        )
        return np.where(on_time, self._greedy.choose(batch, observed), batch.num_actions - 1)


class PricedGreedy:
    """The promotion whose profit most exceeds what its money is worth for the rest of the flight.

    Bid-price control (Talluri and van Ryzin, An analysis of bid-price controls, 1998), with money
    valued by `MoneyLeft`: what training rewards are shaped by, taken as a policy.

    Args:
        world: What is played.
    """

    name = "greedy_priced"

    def __init__(self, world: World) -> None:
        self._money_left = MoneyLeft(world)

    def choose(self, batch: BlockFlights, observed: np.ndarray) -> Ints:
        """The highest profit less the worth of the money that it takes."""
        profit, cost = profit_and_cost(observed)
        left = batch.budget_left[:, None]
        share = self._money_left.share_left(batch)
        taken = self._money_left.worth(left - batch.reward_scale * cost, share)
        price = (self._money_left.worth(left, share) - taken) / batch.reward_scale
        return best_of(profit - price, available_in(observed))
