"""Models fitted on a log that is read in blocks: on a sample of it, if it is large."""

from dataclasses import dataclass, replace

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.bandit.log_file import LogBlock, LogSource
from promopilot.experiments.ope.nuisance.choose import RewardModelChoice, reward_model_for
from promopilot.experiments.ope.nuisance.folds import fold_of, place_of
from promopilot.experiments.ope.nuisance.propensity_model import (
    FittedPropensities,
    fit_propensities,
)
from promopilot.experiments.ope.nuisance.reward_model import FittedRewards, fit_rewards
from promopilot.experiments.ope.settings import OpeSettings


@dataclass(frozen=True)
class Nuisances:
    """Cross-fitted models; a decision is scored by those that did not see it."""

    folds: int
    by_decision: bool  # whether folds split units, as too few units are there
    choice: RewardModelChoice | None = None
    fitted_rewards: FittedRewards | None = None
    fitted_propensities: FittedPropensities | None = None

    def rewards(self, block: LogBlock) -> FloatArray:
        """Expected reward of every action [b, A]; zeros without a model."""
        if self.choice is None or self.fitted_rewards is None:
            return np.zeros((len(block.decision), len(block.log.actions)))
        return self.fitted_rewards.predict(self.choice.features(block), self.fold(block))

    def propensities(self, block: LogBlock) -> FloatArray | None:
        """Estimated probability of every action [b, A]; None without a model."""
        if self.fitted_propensities is None:
            return None
        return self.fitted_propensities.predict(block.features, self.fold(block))

    def fold(self, block: LogBlock) -> IntArray:
        """Folds [b]: a unit's decisions share one."""
        return fold_of(block.decision if self.by_decision else block.unit, self.folds)


def fit_nuisances(
    log: LogSource,
    size: int,
    settings: OpeSettings,
    seed: int,
    *,
    rewards: bool,
    propensities: bool,
) -> Nuisances:
    """Fits what is asked for on a sample of at most some `model_rows` decisions.

    Args:
        log: the decisions.
        size: decisions of a block.
        settings: of the models, with `folds` and `model_rows`.
        seed: of the models.
        rewards: whether to fit a model of rewards.
        propensities: whether to fit a model of the logging policy.

    Raises:
        LogError: the reward model that the settings name does not fit the log.
    """
    empty = Nuisances(settings.folds, _few_units(log, settings.folds))
    if not (rewards or propensities):
        return empty
    # A model sees the folds but one.
    share = settings.model_rows * settings.folds / (settings.folds - 1) / log.count
    drawn = [_sampled(block, share) for block in log.blocks(size)]
    sample = BanditLog(
        action=np.concatenate([block.log.action for block in drawn]),
        reward=np.concatenate([block.log.reward for block in drawn]),
        propensity=np.concatenate([block.log.propensity for block in drawn]),
        cluster=np.concatenate([block.log.cluster for block in drawn]),
        evidence=log.evidence,
        actions=log.actions,
    )
    fold = np.concatenate([empty.fold(block) for block in drawn])
    models = empty
    if rewards:
        choice = reward_model_for(log, settings, seed)
        features = np.concatenate([choice.features(block) for block in drawn])
        fitted = fit_rewards(sample, features, fold, settings, seed, choice.make)
        models = replace(models, choice=choice, fitted_rewards=fitted)
    if propensities:
        features = np.concatenate([block.features for block in drawn])
        likely = fit_propensities(sample, features, fold, settings, seed)
        models = replace(models, fitted_propensities=likely)
    return models


def _sampled(block: LogBlock, share: float) -> LogBlock:
    """The decisions of a block that fall into a sample of some share of the log."""
    return block if share >= 1.0 else block.at(place_of(block.decision) < share)


def _few_units(log: LogSource, folds: int) -> bool:
    """Whether all clusters fall into one fold, so that decisions must be split in their place."""
    if not log.has_clusters:
        return False
    found = log.table.database.connection.execute("select unit from unit limit 1000").fetchall()
    fold = fold_of(np.array([row[0] for row in found], dtype=object), folds)
    return bool((fold == fold[0]).all())  # of a thousand, some differ
