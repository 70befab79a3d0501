"""What keeps a fit that goes on from making things worse: two sets of rows judge what is kept.

Between the earlier model's weights and those that were learnt lie mixtures of both, which often
forget less than the learnt ones and know more of the new than the earlier ones (WiSE-FT, Wortsman
et al. 2022, arXiv 2109.01903). Kept is the mixture with the least log-loss on the new choose rows
among those whose log-loss on the old choose rows has hardly risen; where none of them beats the
earlier model on the new rows, the earlier model stays as it is.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from promopilot.predictors.calibration import Calibration, calibrate
from promopilot.predictors.dataset import Floats, Ints
from promopilot.predictors.encoder import encode
from promopilot.predictors.funnel import Funnel
from promopilot.predictors.logistic import sigmoid
from promopilot.predictors.objective import Part
from promopilot.predictors.predictor import fuse
from promopilot.predictors.scores import log_loss

# How far from the earlier model's weights (0) to those that were learnt (1).
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
# By this share the log-loss on old choose rows may rise.
TOLERANCE = 0.005
_FOLDS = 5


@dataclass(frozen=True)
class Losses:
    """Log-loss in nats per impression, of the last recorded stage."""

    old: float  # on the old choose rows
    new: float  # on the new ones


@dataclass(frozen=True)
class Candidate:
    """A mixture of weights and what it scored."""

    share: float  # of the way from the earlier model's weights to the learnt ones
    losses: Losses
    passes: bool


@dataclass(frozen=True)
class Verdict:
    """What is kept, and what it was weighed against."""

    kept: str  # continued, mixed, recalibrated (earlier weights), or earlier: nothing is changed
    share: float  # of the way; 0 where the earlier weights are kept
    earlier: Losses
    candidates: tuple[Candidate, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns plain values, with what was allowed."""
        chosen = [c for c in self.candidates if self.kept != "earlier" and c.share == self.share]
        losses = chosen[0].losses if chosen else self.earlier
        return {
            "kept": self.kept,
            "share": self.share,
            "old": {
                "earlier": self.earlier.old,
                "kept": losses.old,
                "limit": limit(self.earlier),
            },
            "new": {"earlier": self.earlier.new, "kept": losses.new},
            "candidates": [asdict(candidate) for candidate in self.candidates],
        }


@dataclass(frozen=True)
class Judges:
    """The choose rows as cells, read as a network reads them."""

    old: Part
    new: Part
    calibrating: Part  # those on which calibration is fitted: the new ones, or all
    unit_of: Ints  # [P] of promotions: what is left out together


def limit(earlier: Losses) -> float:
    """Returns the most that the log-loss on old choose rows may be."""
    return earlier.old * (1.0 + TOLERANCE)


def losses_of(funnel: Funnel, judges: Judges, calibration: Calibration) -> Losses:
    """Returns what a network scores whose calibration was not fitted on these new rows."""
    old, new = (calibration.apply(logits_of(funnel, part)) for part in (judges.old, judges.new))
    return Losses(_log_loss(judges.old, old), _log_loss(judges.new, new))


def refitted_losses(funnel: Funnel, judges: Judges) -> Losses:
    """Returns what a network scores when its calibration is fitted anew.

    On the old rows with the calibration as it would be kept; on the new ones each fifth of the
    promotions under a calibration fitted on the others, so that it is no gain to have seen them.
    """
    raw, part = logits_of(funnel, judges.calibrating), judges.calibrating
    trials, successes = _numpy(part.trials), _numpy(part.successes)
    promotion = _numpy(part.entry).astype(np.int64)
    kept = calibrate(raw, trials, successes, promotion)
    raw_new = raw if part is judges.new else logits_of(funnel, judges.new)
    entry = _numpy(judges.new.entry).astype(np.int64)
    moved = kept.apply(raw_new)
    units = np.unique(judges.unit_of[entry])
    fold = np.where(
        np.isin(judges.unit_of, units), np.searchsorted(units, judges.unit_of) % _FOLDS, -1
    )
    for left in range(min(_FOLDS, len(units))):
        beside, out = fold[promotion] != left, fold[entry] == left
        if beside.any():  # a single unit has nothing beside it to be calibrated on
            others = calibrate(raw[beside], trials[beside], successes[beside], promotion[beside])
            moved[out] = others.apply(raw_new[out])
    old = kept.apply(logits_of(funnel, judges.old))
    return Losses(_log_loss(judges.old, old), _log_loss(judges.new, moved))


def decide(
    funnel: Funnel,
    states: tuple[dict[str, Tensor], dict[str, Tensor]],
    judges: Judges,
    earlier: Losses,
    shares: Sequence[float] = SHARES,
) -> Verdict:
    """Weighs mixtures of weights, and leaves the one that is kept in `funnel`.

    Args:
        funnel: of the shape of the weights.
        states: the earlier model's weights and the learnt ones.
        judges: the choose rows.
        earlier: what the earlier model scores on them, as it is.
        shares: to be tried.
    """
    found = []
    for share in shares:
        funnel.load_state_dict(mixed(*states, share))
        losses = refitted_losses(funnel, judges)
        passes = losses.old <= limit(earlier) and losses.new < earlier.new
        found.append(Candidate(share, losses, passes))
    passed = [candidate for candidate in found if candidate.passes]
    if not passed:
        return Verdict("earlier", 0.0, earlier, tuple(found))
    best = min(passed, key=lambda candidate: candidate.losses.new)
    funnel.load_state_dict(mixed(*states, best.share))
    kept = {1.0: "continued", 0.0: "recalibrated"}.get(best.share, "mixed")
    return Verdict(kept, best.share, earlier, tuple(found))


def mixed(earlier: dict[str, Tensor], learnt: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Returns weights a share of the way from the earlier ones to those that were learnt."""
    return {
        name: torch.lerp(value, learnt[name].to(value), share)
        if value.is_floating_point()
        else learnt[name]
        for name, value in earlier.items()
    }


def logits_of(funnel: Funnel, part: Part) -> Floats:
    """Returns the network's logits [C, Z] of cells, before calibration."""
    return fuse(funnel, encode(funnel.encoder, part.tokens), part.context)


def _log_loss(part: Part, logits: Floats) -> float:
    rate = sigmoid(logits).prod(axis=1)
    return log_loss(rate, _numpy(part.last_trials), _numpy(part.last_successes))


def _numpy(values: Tensor) -> Floats:
    return np.asarray(values.cpu().double().numpy())
