"""Whether a run's limits can be kept, before its predictor is fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from promopilot.experiments.config import LimitsConfig, RunConfig
from promopilot.experiments.dates import Dates
from promopilot.experiments.limits.apply import bounded
from promopilot.experiments.limits.file import read_limits
from promopilot.experiments.tables import Tables
from promopilot.predictors.dataset import Rows
from promopilot.predictors.hosting import Measures
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.readable import Readability
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import StageSpread

_RATE, _SE = 0.01, 0.001  # any would do: limits are on money
_FREE = 64.0  # times what the current mix spends: as good as no budget


def check_beforehand(tables: Tables, config: RunConfig, dates: Dates) -> None:
    """Refuse limits that the flight cannot keep; a run without limits is not looked at.

    The market is built as the run will build it, but at the same rate for everybody. Whether a
    target can be met is only known at the true ones.

    Raises:
        ConfigError: The file cannot be read, or names what the flight has not.
        InfeasibleError: The limits cannot all hold; names those that contradict each other.
    """
    if config.limits.file is None:
        return
    from promopilot.experiments.world_builder import build_world

    limits = read_limits(config.limits.file)
    without = config.model_copy(update={"limits": LimitsConfig()})
    built = build_world(tables, _SameForAll(config.predictor), without, dates)
    world, given = built.world, (config.budget.total, limits.budget.total)
    if given == (None, None) and "subsidy" in (limits.budget.covers or world.covers):
        # The default budget pays for discounts, which are only known at the true rates.
        world = replace(world, budget=_FREE * world.budget)
    bounded(world, limits, built.items["basis"].tolist())


@dataclass(frozen=True)
class _SameForAll:
    """A predictor that expects the same of every row."""

    settings: PredictorSettings

    @property
    def spreads(self) -> tuple[StageSpread, ...]:
        return (StageSpread(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),) * 2

    def predict(self, rows: Rows) -> Prediction:
        rate, se = np.full(rows.weekday.shape, _RATE), np.full(rows.weekday.shape, _SE)
        return Prediction(rate, se, rate, se, rate, se)

    def readability(self, texts: list[str]) -> Readability:
        return Readability(len(texts), 0.0, 0.0, self.settings.max_tokens, "")

    def measures(self) -> Measures:
        return Measures()

    def close(self) -> None:
        """There is nothing to give back."""
