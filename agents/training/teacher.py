"""The look-ahead optimiser as a teacher: its plans as price actions, and lessons from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from promopilot.agents.lookahead.mpc import Mpc
from promopilot.agents.rollout import Progress
from promopilot.agents.spread import Spread, here, in_parts
from promopilot.agents.training.flights import TrainingFlights
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.views.price_actions import (
    PACE_RANGE,
    TILT_RANGE,
    PriceActions,
    mean_worth,
)
from promopilot.envs.world import World

_LEAST = 1e-9
# Flights that are taught together: the teacher takes them one by one, and few keep many busy.
_TAUGHT = 16
# Of imitation; chosen on validation flights.
_PASSES = 20
_BATCH_SIZE = 256
_RATE = 3e-3
_VALUE_WEIGHT = 0.1  # of the value's loss beside the action's


class Teacher:
    """What the look-ahead optimiser's plan asks for, as an action on prices.

    Its plan is today's money, a price of each promotion's stock and a later cost of each audience's
    exposures; the last becomes a toll by promotion, its mean over audiences by reach.

    Args:
        world: What is played.
    """

    def __init__(self, world: World) -> None:
        self._mpc, self._replan = Mpc(world), Replan(world)
        self._worth = world.catalog.worth(world.objective)[0]
        self._per_person = 1 / world.segment_size[world.catalog.segment]

    def action(self, market: Market) -> Floats:
        """Actions `[N, 1 + 2 P]` inside their box."""
        plan = self._mpc.plan(market)
        catalog = market.world.catalog
        usual = np.maximum(self._replan.budget_today(market), _LEAST)
        pace = np.log(np.maximum(plan.money, _LEAST) / usual) / np.log(PACE_RANGE)
        kept = 1 - plan.stock_price / np.where(self._worth == 0, 1.0, self._worth)
        tilt = np.log(np.maximum(kept, _LEAST)) / np.log(TILT_RANGE)
        reach, groups = market.reach, catalog.by_promotion
        cost = groups.sum(self._per_person * plan.later_cost[:, catalog.audience] * reach)
        worth = mean_worth(self._replan, market)
        toll = cost / np.maximum(groups.sum(reach), _LEAST) / np.maximum(worth, _LEAST)
        prices = np.concatenate([pace[:, None], tilt, toll], axis=1)
        return np.asarray(np.clip(prices, -1.0, 1.0))


@dataclass(frozen=True)
class Asked:
    """Flights of a seed on whose days the teacher is asked what it would do."""

    seed: int
    flights: Ints  # [n]
    # [D, n, 1 + 2 P] what is done on them; None: what the teacher says
    done: np.ndarray | None = None


class Teaching:
    """Plays flights and says what the teacher would do on each day, and what of it counts.

    A promotion counts by its share of the day's spend at the teacher's action, and a little
    besides, the pace as much as all promotions together. A network made for more promotions gets
    zeros for those that there are not.

    Args:
        world: What is played.
        most: Promotions that the network is made for.
    """

    def __init__(self, world: World, most: int) -> None:
        self._market, self._teacher = Market(world), Teacher(world)
        self._prices, self._most = PriceActions(Replan(world)), most

    def __call__(self, asked: Asked) -> tuple[Floats, Floats]:
        """Actions and their weights `[D, n, 1 + 2 most]`."""
        market = self._market
        market.reset(asked.seed, asked.flights)
        actions, weights = [], []
        while not market.done:
            action = self._teacher.action(market)
            spend = self._prices.spend(market, action)
            actions.append(self._wide(action))
            weights.append(self._weight(spend))
            if asked.done is not None:
                spend = self._prices.spend(market, asked.done[market.day])
            market.step(spend)
        return np.stack(actions), np.stack(weights)

    def _weight(self, spend: Floats) -> Floats:
        each = self._market.world.catalog.by_promotion.sum(spend)
        share = each / np.maximum(each.sum(axis=1, keepdims=True), 1e-9)
        both = np.tile(0.5 * share + 0.5 / share.shape[1], 2)
        return self._wide(np.concatenate([np.ones((len(each), 1)), both], axis=1))

    def _wide(self, action: Floats) -> Floats:
        own = action.shape[1] // 2
        tilt, toll = np.split(action[:, 1:], 2, axis=1)
        room = ((0, 0), (0, self._most - own))
        return np.concatenate([action[:, :1], np.pad(tilt, room), np.pad(toll, room)], axis=1)


@dataclass(frozen=True)
class Lessons:
    """States of played flights, what the teacher would have done, and what was then earned."""

    observed: np.ndarray  # [n, size] float32
    action: np.ndarray  # [n, 1 + 2 P] float32
    to_go: np.ndarray  # [n] float32, reward from there to the end of the flight
    weight: np.ndarray  # [n, 1 + 2 P] float32, of each entry of the action


def learn_from_teacher(
    env: TrainingFlights,
    policy: ActorCriticPolicy,
    lessons: int,
    corrections: int,
    progress: Progress,
    spread: Spread = here,
) -> None:
    """Fit a policy to the teacher's actions, and its value to what was then earned.

    What a student meets is not what its teacher meets: asking again in the student's own states
    keeps errors from adding up (Ross, Gordon and Bagnell, DAgger, 2011).

    Args:
        env: The training flights.
        policy: Of stable-baselines3, around an `ActorCritic`.
        lessons: Batches of flights played the teacher's way.
        corrections: Batches played the student's way, learnt from one after the other.
        progress: Told the share done.
        spread: Where the teacher is asked, which takes more than half of the time.
    """
    most = (env.action_space.shape[0] - 1) // 2  # type: ignore[index]
    teachings = [Teaching(world, most) for world in env.worlds]
    learnt = []
    for turn in range(lessons + corrections):
        led = turn < lessons
        learnt.append(_lesson(env, teachings, None if led else policy, spread))
        if turn >= lessons - 1:
            _imitate(policy, learnt)
        progress("training: lessons of the look-ahead", (turn + 1) / (lessons + corrections))


def _lesson(
    env: TrainingFlights,
    teachings: Sequence[Teaching],
    student: ActorCriticPolicy | None,
    spread: Spread,
) -> Lessons:
    """Play a batch of training flights, the student's way where there is one."""
    seen = np.asarray(env.reset())
    teaching, (seed, flights) = teachings[env.world_index], env.playing

    def ask(done: np.ndarray | None) -> tuple[Floats, Floats]:
        each = in_parts(np.arange(len(flights)), _TAUGHT)
        asked = [Asked(seed, flights[n], None if done is None else done[:, n]) for n in each]
        actions, weights = zip(*spread(teaching, asked), strict=True)
        return np.concatenate(actions, axis=1), np.concatenate(weights, axis=1)

    if student is None:
        actions, weights = ask(None)
        played = _play(env, seen, lambda day, seen: actions[day])
    else:
        played = _play(env, seen, lambda day, seen: student.predict(seen, deterministic=True)[0])
        actions, weights = ask(played.done)
    rows = [part.reshape(-1, part.shape[-1]) for part in (actions, weights)]
    parts = played.observed, rows[0], played.to_go, rows[1]
    return Lessons(*(part.astype(np.float32) for part in parts))


@dataclass(frozen=True)
class _Played:
    observed: np.ndarray  # [D N, size]
    done: np.ndarray  # [D, N, 1 + 2 P] actions
    to_go: np.ndarray  # [D N] reward from there to the end of the flight


def _play(
    env: TrainingFlights, seen: np.ndarray, decide: Callable[[int, np.ndarray], np.ndarray]
) -> _Played:
    """Play the flights that were just started and observed, to their end."""
    observed, rewards, over = [], [], False
    done: list[np.ndarray] = []
    while not over:
        action = decide(len(done), seen)
        observed.append(seen)
        done.append(env.used(action))
        stepped, reward, ended, _ = env.step(action)
        seen, over = np.asarray(stepped), bool(ended.all())
        rewards.append(reward)
    to_go = np.cumsum(np.stack(rewards)[::-1], axis=0)[::-1].reshape(-1)
    return _Played(np.concatenate(observed), np.stack(done), to_go)


def _imitate(policy: ActorCriticPolicy, learnt: list[Lessons]) -> None:
    parts = [
        torch.from_numpy(np.concatenate([getattr(lesson, name) for lesson in learnt]))
        for name in ("observed", "action", "to_go", "weight")
    ]
    size = parts[2].var().clamp(min=_LEAST)
    optimizer = torch.optim.Adam(policy.parameters(), lr=_RATE)
    for turn in range(_PASSES):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (1 - turn / _PASSES)
        for rows in torch.split(torch.randperm(len(parts[0])), _BATCH_SIZE):
            observed, action, to_go, weight = (part[rows] for part in parts)
            means, features = policy.mlp_extractor(observed)
            missed = (weight * (means - action) ** 2).sum(dim=1).mean()
            value = ((policy.value_net(features).squeeze(1) - to_go) ** 2).mean() / size
            optimizer.zero_grad()
            (missed + _VALUE_WEIGHT * value).backward()
            optimizer.step()
