"""Which model estimates rewards, and what it is told of each decision."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray
from promopilot.experiments.ope.bandit.log_file import LogBlock, LogSource
from promopilot.experiments.ope.nuisance.log_contexts import LogContexts, contexts_of
from promopilot.experiments.ope.nuisance.predictor_rewards import predicted_scores
from promopilot.experiments.ope.nuisance.reward_model import reward_model
from promopilot.experiments.ope.nuisance.reward_regressors import RewardModel
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.tables import read_tables


@dataclass(frozen=True)
class RewardModelChoice:
    """An unfitted reward model for a log, and the features that it reads."""

    make: Callable[[], RewardModel]  # a new unfitted one
    contexts: LogContexts | None = None  # where a predictor scores actions

    def features(self, block: LogBlock) -> FloatArray:
        """Features [b, d] of decisions; with a predictor, their context's number comes last."""
        if self.contexts is None:
            return block.features
        return np.column_stack([block.features, self.contexts.codes(block)])


def reward_model_for(log: LogSource, settings: OpeSettings, seed: int) -> RewardModelChoice:
    """The reward model that the settings name.

    Args:
        log: the decisions; its actions are all that are to be scored.
        settings: `reward_model`, and for `predictor` the folders `predictor` and `data`.
        seed: of the model.

    Raises:
        LogError: a predictor is asked for and a folder is not named, or the log does not fit it.
        DataError: the tables break the contract.
        ArtifactError: the predictor is missing or altered.
    """
    if settings.reward_model != "predictor":
        return RewardModelChoice(lambda: reward_model(len(log.actions), settings, seed))
    if settings.predictor is None or settings.data is None:
        raise LogError(
            "ope.reward_model is predictor: name a folder of `predictor fit` with ope.predictor, "
            "and the folder of the tables with the promotions' texts with ope.data."
        )
    tables = read_tables(settings.data, outcomes=False)
    contexts = contexts_of(log, tables)
    scores = predicted_scores(settings.predictor, tables, log.actions, contexts)
    return RewardModelChoice(
        lambda: reward_model(len(log.actions), settings, seed, scores), contexts
    )
