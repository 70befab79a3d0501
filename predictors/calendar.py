r"""What time and place do to all promotions alike: an offset under the network's logits.

Stage by stage, counts of week w, placement l and group g follow

    logit = base + time_w + place_l + group_g,   time_w - time_{w-1} ~ N(0, step^2),
    place_l ~ N(0, 1),   group_g ~ N(0, group_sd^2),

a local level in weeks (Harvey 1989) beside random effects of groups, so that a week in which good
promotions happened to run is not taken for a good week. Modes come from Newton's method with the
groups eliminated (each cell has one), variances from EM steps at the mode (penalised quasi-
likelihood, Breslow & Clayton 1993). After the last week the level stays where it was.
Group effects are dropped: they are the text's to explain.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from promopilot.predictors.counts import StageCounts
from promopilot.predictors.dataset import NO_DAY, WEEKDAYS, Floats, Ints, Rows
from promopilot.predictors.splits import families

_ROUNDS = 30  # of a Newton and an EM step; the level has long settled
_START = 0.1  # standard deviation of `time` and `group` that the rounds start from
_LEAST_SD = 1e-3
_MONDAY = 4  # 1970-01-05, in days since 1970-01-01


@dataclass(frozen=True)
class Calendar:
    """The fitted offset; W is weeks from the first to the last of the fit, Z stages."""

    first_week: int  # Mondays since 1970-01-05
    level: tuple[tuple[float, ...], ...]  # [Z][W] base + time
    places: tuple[str, ...]  # placements that the fit saw
    place: tuple[tuple[float, ...], ...]  # [Z][placements]
    step_sd: tuple[float, ...]  # [Z] per week, in logits

    @classmethod
    def fit(cls, rows: Rows, extra_sd: float, has_time: bool = True) -> "Calendar":
        """Fits each stage on `rows`.

        Args:
            rows: with counts and days.
            extra_sd: standard deviation, in logits, of what neither week, place nor group tells of
                a promotion's week; it keeps one heavily shown promotion from ruling the level.
            has_time: whether weeks may differ.
        """
        counts = StageCounts.of(rows, entire_space=0.0)
        week = _week(rows.day)
        first, last = int(week.min()), int(week.max())
        weeks = last - first + 1 if has_time else 1
        slot = week - first if has_time else np.zeros_like(week)
        used = np.unique(rows.placement)
        place = np.searchsorted(used, rows.placement)
        group = np.unique(families(rows.promotions).astype(str), return_inverse=True)[1]
        cells = (slot, place, group[rows.promotion])
        fitted = [
            _fit_stage(
                cells,
                (weeks, len(used), int(group.max()) + 1),
                _tempered(rows, week, counts.trials[:, z], counts.successes[:, z], extra_sd),
            )
            for z in range(counts.trials.shape[1])
        ]
        return cls(
            first_week=first,
            level=tuple(tuple(level.tolist()) for level, _, _ in fitted),
            places=tuple(rows.placement_ids[index] for index in used),
            place=tuple(tuple(effect.tolist()) for _, effect, _ in fitted),
            step_sd=tuple(step for _, _, step in fitted),
        )

    def offset(self, rows: Rows) -> Floats:
        """Returns logits [R, Z]: the last week's level where the day is unknown or later."""
        weeks = len(self.level[0])
        week = np.where(rows.day == NO_DAY, weeks - 1, _week(rows.day) - self.first_week)
        level = np.asarray(self.level).T[np.clip(week, 0, weeks - 1)]
        known = {name: index for index, name in enumerate(self.places)}
        place = np.array([known.get(name, -1) for name in rows.placement_ids], dtype=np.int64)
        effects = np.concatenate([np.asarray(self.place).T, np.zeros((1, level.shape[1]))])
        return np.asarray(level + effects[place][rows.placement])

    def to_json(self) -> dict[str, Any]:
        """Returns plain lists and numbers."""
        return {
            "first_week": self.first_week,
            "level": [list(stage) for stage in self.level],
            "places": list(self.places),
            "place": [list(stage) for stage in self.place],
            "step_sd": list(self.step_sd),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Calendar":
        """Reads what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: a key is absent or of another kind.
        """
        return cls(
            first_week=int(value["first_week"]),
            level=tuple(tuple(float(x) for x in stage) for stage in value["level"]),
            places=tuple(str(name) for name in value["places"]),
            place=tuple(tuple(float(x) for x in stage) for stage in value["place"]),
            step_sd=tuple(float(x) for x in value["step_sd"]),
        )


def _week(day: Ints) -> Ints:
    return (day - _MONDAY) // WEEKDAYS


def _tempered(
    rows: Rows, week: Ints, trials: Floats, successes: Floats, extra_sd: float
) -> tuple[Floats, Floats]:
    """Counts of a promotion's week, shrunk to what they can say (Williams 1982)."""
    rate = successes.sum() / max(trials.sum(), 1.0)
    span = int(week.max() - week.min()) + 1
    unit = np.unique(rows.promotion * span + week - week.min(), return_inverse=True)[1]
    information = np.bincount(unit, trials)[unit] * rate * (1.0 - rate)
    weight = 1.0 / (1.0 + extra_sd**2 * information)
    return trials * weight, successes * weight


def _fit_stage(
    cells: tuple[Ints, Ints, Ints], sizes: tuple[int, int, int], counts: tuple[Floats, Floats]
) -> tuple[Floats, Floats, float]:
    """Returns level [W], place effects and the weekly step's standard deviation."""
    weeks, places, groups = sizes
    keys, cell = np.unique(np.ravel_multi_index(cells, sizes), return_inverse=True)
    trials, successes = (np.bincount(cell, part) for part in counts)
    week, place, group = np.unravel_index(keys, sizes)
    count = len(keys)
    columns = np.concatenate([week, weeks + place])
    row = np.concatenate([np.arange(count), np.arange(count)])
    fixed = sparse.csr_matrix((np.ones(2 * count), (row, columns)), shape=(count, weeks + places))
    member = sparse.csr_matrix((np.ones(count), (np.arange(count), group)), shape=(count, groups))
    share = np.clip(successes.sum() / max(trials.sum(), 1.0), 1e-9, 1 - 1e-9)
    beta = np.concatenate([np.full(weeks, np.log(share / (1 - share))), np.zeros(places)])
    effect = np.zeros(groups)
    differences = np.diff(np.eye(weeks), axis=0)
    step, group_sd = _START, _START
    for _ in range(_ROUNDS):
        rate = 1.0 / (1.0 + np.exp(-np.clip(fixed @ beta + effect[group], -30.0, 30.0)))
        weight, residual = trials * rate * (1.0 - rate), successes - trials * rate
        penalty = np.diag(np.concatenate([np.zeros(weeks), np.ones(places)]))
        penalty[:weeks, :weeks] = differences.T @ differences / step**2
        inner = fixed.T @ sparse.diags(weight) @ fixed + penalty
        cross = np.asarray((fixed.T @ sparse.diags(weight) @ member).todense())
        own = member.T @ weight + 1.0 / group_sd**2
        # Schur complement: groups do not touch each other, so their block is a diagonal.
        reduced = np.asarray(inner) - (cross / own) @ cross.T
        slope = fixed.T @ residual - penalty @ beta
        slope_own = member.T @ residual - effect / group_sd**2
        variance = np.linalg.pinv(reduced, hermitian=True)
        move = np.clip(variance @ (slope - cross @ (slope_own / own)), -1.0, 1.0)
        beta = beta + move
        effect = effect + np.clip((slope_own - cross.T @ move) / own, -1.0, 1.0)
        across = cross / own
        spread = 1.0 / own + np.einsum("xg,xy,yg->g", across, variance, across, optimize=True)
        group_sd = max(float(np.sqrt((effect**2 + spread).mean())), _LEAST_SD)
        if weeks > 1:
            jump = differences @ beta[:weeks]
            doubt = np.einsum(
                "ij,jk,ik->i", differences, variance[:weeks, :weeks], differences, optimize=True
            )
            step = max(float(np.sqrt((jump**2 + doubt).mean())), _LEAST_SD)
    return beta[:weeks], beta[weeks:], step if weeks > 1 else 0.0
