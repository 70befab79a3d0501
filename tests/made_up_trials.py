"""Searches that nobody ran, for tests of what comes out of one."""

import math

import numpy as np

from promopilot.experiments.tuning.record import SearchRecord
from promopilot.experiments.tuning.space import Domain
from promopilot.experiments.tuning.trial import Measure, Status, Trial, Value

LENGTH = 90_000  # flight-days of a whole trial
SPACE = (
    Domain("agents.ppo.learning_rate", "loguniform", (1e-5, 1e-3)),
    Domain("agents.ppo.batch_size", "logint", (256, 4096)),
    Domain("agents.ppo.gae_lambda", "uniform", (0.9, 1.0)),
    Domain("agents.ppo.network", "choice", ("equivariant", "mlp")),
)


def record(**changes: object) -> SearchRecord:
    """What was searched, as `promopilot tune` does unless told otherwise."""
    values: dict[str, object] = {
        **{"agent": "ppo", "objective": "net_profit", "method": "optuna", "scheduler": "asha"},
        **{"trials": 16, "steps": LENGTH, "domains": SPACE, "key": ""},
    }
    return SearchRecord(**(values | changes))  # type: ignore[arg-type]


def trials(count: int, space: tuple[Domain, ...] = SPACE, seed: int = 0) -> list[Trial]:
    """Trials whose gain hangs on the first setting alone, where that is a number.

    A third go to their end, the others are stopped early; the last of 4 and more failed.
    """
    rng = np.random.default_rng(seed)
    points = [{domain.path: _drawn(domain, rng) for domain in space} for _ in range(count)]
    goals = [_goal(point, space) + rng.normal(0, 0.05) for point in points]
    least = np.quantile(goals, 2 / 3) if goals else 0.0
    found = []
    for number, (point, goal) in enumerate(zip(points, goals, strict=True)):
        status: Status = "finished" if goal >= least else "stopped"
        measures = 9 if status == "finished" else int(rng.integers(1, 4))
        found.append(
            Trial(number, point, status, tuple(_measure(goal, at, rng) for at in range(measures)))
        )
    if count >= 4:
        error = 'ValueError: =1+1, "quoted"\n<script>alert(1)</script>'
        found[-1] = Trial(count - 1, points[-1], "failed", error=error)
    return found


def _measure(goal: float, at: int, rng: np.random.Generator) -> Measure:
    gain = goal * (1 - 2 * math.exp(-(at + 1) / 2)) + rng.normal(0, 0.02)
    return Measure((at + 1) * LENGTH / 9, float(gain), 31.7 * (at + 1))


def _goal(point: dict[str, Value], space: tuple[Domain, ...]) -> float:
    first = space[0]
    if first.kind == "choice":
        return float(first.values.index(point[first.path]))
    low, high = (math.log(end) for end in first.ends)
    along = (math.log(float(point[first.path])) - low) / (high - low)
    return 2.0 - 6.0 * (along - 0.6) ** 2


def _drawn(domain: Domain, rng: np.random.Generator) -> Value:
    if domain.kind == "choice":
        return domain.values[int(rng.integers(len(domain.values)))]
    low, high = domain.ends
    found = (
        math.exp(rng.uniform(math.log(low), math.log(high)))
        if domain.is_log
        else rng.uniform(low, high)
    )
    return round(found) if domain.is_whole else float(found)
