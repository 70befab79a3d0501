"""Weights that only some estimators need, made while a log is read in blocks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import FloatArray, IntArray
from promopilot.experiments.ope.bandit.action_features import (
    ActionCategories,
    category_of,
    read_action_features,
)
from promopilot.experiments.ope.bandit.balanced import Pairs, draw_pairs, fit_balance
from promopilot.experiments.ope.bandit.log_file import LogBlock, LogSource
from promopilot.experiments.ope.bandit.marginal import marginal_weight
from promopilot.experiments.ope.bandit.rows import BanditRows
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.nuisance.folds import place_of
from promopilot.experiments.ope.request import names_in
from promopilot.experiments.ope.settings import OpeSettings

MARGINAL = ("mipw", "snmipw")
BALANCED = "balanced_ipw"

_ESTIMATED = (
    "The log does not tell how likely the actions were that were not taken. The estimates by what "
    "actions have in common rest on a model of that, made from the log itself."
)

Fold = Callable[[LogBlock], IntArray]  # folds [b] of a block's decisions


def needs_categories(inputs: Inputs) -> bool:
    """Whether weights of action categories are to be made; all of them then need probabilities.

    Raises:
        LogError: they are asked for, but nothing says what actions have in common.
    """
    asked = sorted(names_in(inputs.estimators) & set(MARGINAL))
    if asked and inputs.action_features is None:
        raise LogError(
            f"estimator {asked[0]} needs to know what actions have in common: give "
            "--action-features FILE with `action, a_*`, or with `action, category, probability`."
        )
    return inputs.action_features is not None and (bool(asked) or not inputs.estimators)


@dataclass
class ExtraWeights:
    """Adds weights to the rows of a log's blocks as they are read, completes them at the end."""

    categories: ActionCategories | None  # of the actions; None where they are not wanted
    estimated: bool  # whether the logging policy's probabilities of all actions are
    share: float | None  # of the decisions that the classifier is fitted on; None: not wanted
    pairs: list[Pairs] = field(default_factory=list)  # of the blocks so far
    # [b] of each block: the policy's probability of what was done
    probability: list[FloatArray] = field(default_factory=list)

    def add(
        self,
        rows: BanditRows,
        block: LogBlock,
        policy: FloatArray | None,
        behavior: FloatArray | None,
        fold: Fold,
    ) -> BanditRows:
        """The rows with their marginal weights; remembers a sample for the classifier.

        Args:
            rows: of the block.
            block: b decisions.
            policy: [b, A] probabilities; None for the policy that wrote the log.
            behavior: [b, A] the same of that policy, needed where categories are.
            fold: gives the folds of decisions.
        """
        if policy is None:
            return rows
        if self.share is not None:
            place = place_of(block.decision)
            drawn = place < self.share
            part = block.at(drawn)
            chance = place[drawn] / min(self.share, 1.0)
            made = draw_pairs(part.features, fold(part), part.log.action, policy[drawn], chance)
            self.pairs.append(made)
            self.probability.append(policy[np.arange(len(drawn)), block.log.action])
        if self.categories is None or behavior is None:
            return rows
        category = category_of(self.categories, block.log.action, block.category, block.decision)
        weight = marginal_weight(policy, behavior, self.categories.probability, category)
        return replace(rows, marginal=weight)

    def complete(
        self,
        case: Case[BanditRows],
        log: LogSource,
        size: int,
        fold: Fold,
    ) -> Case[BanditRows]:
        """The case with the classifier's weights, and all that was made reported by default.

        Args:
            case: of all blocks.
            log: its decisions, read once more.
            size: decisions of a block.
            fold: gives the folds of decisions.
        """
        if self.pairs:
            fitted = fit_balance(_joined(self.pairs), len(log.actions))
            weight = [
                fitted.weight(block.features, fold(block), block.log.action, probability)
                for block, probability in zip(log.blocks(size), self.probability, strict=True)
            ]
            case = replace(case, rows=replace(case.rows, balanced=np.concatenate(weight)))
        if self.categories is not None:
            default, notes = (*case.kind.default, *MARGINAL), case.kind.notes
            if self.estimated:
                notes = (*notes, _ESTIMATED)
            case = replace(case, kind=replace(case.kind, default=default, notes=notes))
        return case


def extra_weights(inputs: Inputs, log: LogSource, settings: OpeSettings) -> ExtraWeights:
    """What is wanted of a log whose actions are complete.

    Raises:
        LogError: a fault in the file of action features.
    """
    categories = None
    if needs_categories(inputs) and inputs.action_features is not None:
        categories = read_action_features(
            inputs.action_features, log.actions, settings.probability_tolerance
        )
    wanted = BALANCED in names_in(inputs.estimators)
    share = _share(log.count, settings) if wanted else None
    return ExtraWeights(categories, inputs.behavior is None, share)


def _share(count: int, settings: OpeSettings) -> float:
    """Of the decisions, so that the folds but one hold some `balance_rows` of them."""
    return settings.balance_rows * settings.folds / (settings.folds - 1) / count


def _joined(pairs: list[Pairs]) -> Pairs:
    columns: Mapping[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in pairs]) for name in vars(pairs[0])
    }
    return Pairs(**columns)
