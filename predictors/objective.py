"""One part (fit or choose) on the device, and what learning makes small on it.

T texts, C cells, Z stages. A unit is what must not be cut in two: a randomised test with all its
texts, or else one text with all its cells.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from promopilot.predictors.cells import Cells
from promopilot.predictors.dataset import Ints
from promopilot.predictors.encoder import Tokens
from promopilot.predictors.funnel import Context
from promopilot.predictors.likelihood import funnel_nll, shares_nll, whole_nll
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.vocabulary import Features


@dataclass(frozen=True)
class Part:
    """Cells as tensors."""

    features: Features
    tokens: Tokens  # T
    context: Context  # C
    trials: Tensor  # [C, Z] float32
    successes: Tensor  # [C, Z]
    last_trials: Tensor  # [C]
    last_successes: Tensor  # [C]
    whole_trials: Tensor  # [C]
    whole_successes: Tensor  # [C]
    weight: Tensor  # [C, Z] of a cell's own likelihood
    whole_weight: Tensor  # [C] of that of both stages together
    item: Ints  # [C] line item
    entry: Tensor  # [C] promotion
    entry_successes: Tensor  # [P, Z]
    entry_weight: Tensor  # [P, Z] of the conditional likelihood; 0 outside tests
    entry_test: Tensor  # [P]
    unit: Tensor  # [C]
    unit_texts: Tensor  # [U] texts in each unit

    @classmethod
    def of(
        cls,
        cells: Cells,
        features: Features,
        tokens: Tokens,
        settings: PredictorSettings,
        device: torch.device,
    ) -> "Part":
        """Moves cells to the device; promotions with a `test_id` are weighed by `_tempered`."""

        def tensor(values: object) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)

        promotions = cells.rows.promotions
        count = len(promotions.promotion_id)
        shown = np.zeros(count, dtype=np.bool_)
        shown[cells.rows.promotion] = True
        in_test = np.zeros(count, dtype=np.bool_)
        test = np.zeros(count, dtype=np.int64)
        if promotions.test_id is not None:
            in_test = shown & (promotions.test_id != "")
            test = np.unique(promotions.test_id.astype(str), return_inverse=True)[1]
        successes = np.zeros((count, cells.counts.successes.shape[1]))
        np.add.at(successes, cells.rows.promotion, cells.counts.successes)
        tempered = np.where(in_test[:, None], _tempered(test, in_test, successes, settings), 0.0)
        inside = in_test[cells.rows.promotion]
        rates = 1.0 / (1.0 + np.exp(-cells.offset))  # what is expected of any text
        expected = np.column_stack(
            [
                cells.counts.trials * rates,
                cells.counts.whole_trials * rates.prod(axis=1),
            ]
        )
        level = _of_level(test[cells.rows.promotion], inside, expected, settings)
        unit = _units(np.where(inside, test[cells.rows.promotion], -1), features.text)
        pairs = np.unique(np.stack([unit, features.text]), axis=1)
        return cls(
            features=features,
            tokens=tokens,
            context=Context.from_features(features, device),
            trials=tensor(cells.counts.trials),
            successes=tensor(cells.counts.successes),
            last_trials=tensor(cells.counts.last_trials),
            last_successes=tensor(cells.counts.last_successes),
            whole_trials=tensor(cells.counts.whole_trials),
            whole_successes=tensor(cells.counts.whole_successes),
            weight=tensor(level[:, :-1]),
            whole_weight=tensor(level[:, -1]),
            item=cells.rows.item,
            entry=torch.tensor(cells.rows.promotion, device=device),
            entry_successes=tensor(successes),
            entry_weight=tensor(settings.rank_loss * tempered),
            entry_test=torch.tensor(test, device=device),
            unit=torch.tensor(unit, device=device),
            unit_texts=torch.tensor(np.bincount(pairs[0])),
        )

    def ranked(self) -> "Part":
        """Returns the part without the levels of its tests: clicks in them rank, no more.

        Rows of tests that do not record all stages keep the likelihood of the whole.
        """
        in_test = (self.entry_weight > 0).any(1)[self.entry]
        return replace(self, weight=self.weight.masked_fill(in_test[:, None], 0.0))

    def on_processor(self) -> "Part":
        """Returns the part with what a loss needs where float64 is to be had."""
        moved = {
            each.name: getattr(self, each.name).cpu()
            for each in fields(self)
            if isinstance(getattr(self, each.name), Tensor)
        }
        context = {each.name: getattr(self.context, each.name).cpu() for each in fields(Context)}
        return replace(self, **moved, context=Context(**context))

    @cached_property
    def has_tests(self) -> bool:
        """Whether anything is ranked."""
        return bool((self.entry_weight > 0).any())

    def loss(self, logits: Tensor, cells: Tensor) -> Tensor:
        """Returns the summed loss, in nats, of the cells at `cells` [B] under logits [B, Z]."""
        weight = self.weight[cells]
        counts = self.trials[cells], self.successes[cells]
        total = funnel_nll(logits, *(weight * each for each in counts)).sum()
        if bool((self.whole_trials[cells] > 0).any()):
            whole = whole_nll(logits, self.whole_trials[cells], self.whole_successes[cells])
            total = total + (whole * self.whole_weight[cells]).sum()
        if not self.has_tests:
            return total
        entries, entry = torch.unique(self.entry[cells], return_inverse=True)
        test = torch.unique(self.entry_test[entries], return_inverse=True)[1]
        return total + shares_nll(
            logits,
            self.trials[cells],
            self.entry_successes[entries],
            entry,
            test,
            self.entry_weight[entries],
        )

    def score(self, logits: Tensor) -> float:
        """Returns what passes are judged by, of logits [C, Z]: the loss, or without tests log-loss.

        Both are per impression, in nats. In tests the log-loss is mostly their level's.
        """
        if not self.has_tests:
            # On the processor: not every device has float64.
            counts = (self.last_trials.cpu().double(), self.last_successes.cpu().double())
            total = whole_nll(logits.cpu().double(), *counts).sum()
            return float(total / counts[0].sum().clamp(min=1.0))
        every = torch.arange(len(logits), device=logits.device)
        return float(self.loss(logits, every)) / self.scale

    @cached_property
    def scale(self) -> float:
        """Trials of the first stage: what losses are divided by."""
        return max(float(self.trials[:, 0].sum() + self.whole_trials.sum()), 1.0)


@dataclass(frozen=True)
class Units:
    """The cells of each unit, and batches of units."""

    starts: Tensor  # [U + 1]
    order: Tensor  # [C] cells sorted by unit
    texts: Tensor  # [U]

    @classmethod
    def of(cls, part: Part) -> "Units":
        """Sorts a part's cells by unit."""
        sizes = torch.bincount(part.unit, minlength=len(part.unit_texts)).cpu()
        starts = torch.cat([torch.zeros(1, dtype=torch.int64), sizes.cumsum(0)])
        return cls(starts, torch.argsort(part.unit, stable=True), part.unit_texts)

    def batches(self, most_texts: int, generator: torch.Generator) -> list[Tensor]:
        """Returns all units in random order, cut where the texts reach a multiple of the most."""
        units = torch.randperm(len(self.texts), generator=generator)
        batch = (self.texts[units].cumsum(0) - 1) // most_texts
        return [part for part in torch.split(units, torch.bincount(batch).tolist()) if len(part)]

    def steps(self, most_texts: int) -> int:
        """Returns how many batches a pass has, at most."""
        return int(self.texts.sum() - 1) // most_texts + 1

    def cells(self, units: Tensor) -> Tensor:
        """Returns the cells of some units."""
        return torch.cat([self.order[self.starts[unit] : self.starts[unit + 1]] for unit in units])


def _tempered(
    test: Ints, in_test: np.ndarray, successes: np.ndarray, settings: PredictorSettings
) -> np.ndarray:
    """Weight [P, Z] of a promotion's events, one for all promotions of a test.

    A promotion's log-odds differ by `extra_sd` for reasons that its text does not tell; k events
    then say as much as k / (1 + extra_sd^2 k) (Williams 1982). k is the test's mean, so that the
    events of a test count alike and their shares stay what they are.
    """
    members = np.maximum(np.bincount(test, in_test), 1.0)
    mean = np.stack(
        [
            np.bincount(test, np.where(in_test, successes[:, z], 0.0)) / members
            for z in range(successes.shape[1])
        ],
        axis=1,
    )
    return np.asarray(1.0 / (1.0 + settings.extra_sd**2 * mean[test]))


def _of_level(
    test: Ints, inside: np.ndarray, expected: np.ndarray, settings: PredictorSettings
) -> np.ndarray:
    """Weight [C, K] of cells' plain likelihoods: in tests the same rule for their level.

    Tests differ by `level_sd` in what all their promotions share; K expected events of a test then
    say as much of its text as K / (1 + level_sd^2 K). Expected, not observed: else tests that were
    unlucky would count more.

    Args:
        test: [C].
        inside: [C] whether a cell is in a test.
        expected: [C, K] events.
        settings: `level_sd`.
    """
    events = np.stack(
        [np.bincount(test, np.where(inside, of_kind, 0.0)) for of_kind in expected.T], axis=1
    )
    tempered = 1.0 / (1.0 + settings.level_sd**2 * events[test])
    return np.asarray(np.where(inside[:, None], tempered, 1.0))


def _units(test: Ints, text: Ints) -> Ints:
    """Numbers [C] the units: a test, or outside tests (-1) a text."""
    key = np.where(test >= 0, test, test.max(initial=-1) + 1 + text)
    return np.asarray(np.unique(key, return_inverse=True)[1], dtype=np.int64)
