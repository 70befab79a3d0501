"""The look-ahead optimiser as a teacher: its plans as price actions, and lessons from them."""

from dataclasses import dataclass

import numpy as np
import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from promopilot.agents.lookahead.mpc import Mpc
from promopilot.agents.rollout import Progress
from promopilot.agents.training.flights import TrainingFlights
from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.views.price_actions import PACE_RANGE, TILT_RANGE, mean_worth
from promopilot.envs.world import World

_LEAST = 1e-9
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
    """
    teachers = [Teacher(world) for world in env.worlds]
    learnt = []
    for turn in range(lessons + corrections):
        led = turn < lessons
        learnt.append(_lesson(env, teachers, None if led else policy))
        if turn >= lessons - 1:
            _imitate(policy, learnt)
        progress("training: lessons of the look-ahead", (turn + 1) / (lessons + corrections))


def _lesson(
    env: TrainingFlights, teachers: list[Teacher], student: ActorCriticPolicy | None
) -> Lessons:
    """Play a batch of training flights, the student's way where there is one."""
    observed, actions, weights, rewards = [], [], [], []
    seen, done = np.asarray(env.reset()), False
    while not done:
        action, weight = env.taught(teachers[env.world_index].action)
        observed.append(seen)
        actions.append(action)
        weights.append(weight)
        if student is not None:
            action = student.predict(seen, deterministic=True)[0]
        stepped, reward, ended, _ = env.step(action)
        seen = np.asarray(stepped)
        rewards.append(reward)
        done = bool(ended.all())
    to_go = np.cumsum(np.stack(rewards)[::-1], axis=0)[::-1].reshape(-1)
    parts = np.concatenate(observed), np.concatenate(actions), to_go, np.concatenate(weights)
    return Lessons(*(part.astype(np.float32) for part in parts))


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
