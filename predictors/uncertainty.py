r"""How far a rate may lie from what was predicted, beyond binomial noise.

On the logit of a stage a line item deviates by its promotion's shared shift and one of its own (see
`random_effects`). How wide the shared shift is depends on what the fit saw of the promotion's text:

    shared^2(m) = shared^2 + (shared_new^2 - shared^2) / (1 + m / half_events),

m being the events of that text in the fit: what a text alone leaves open is learnt away as evidence
comes in, as for a normal mean under a normal prior, while what drifts from month to month stays.
The choose rows are the evidence, being later than the fit or of other groups; `backtest` adds what
they cannot tell: how unlike other months they were, and what unseen groups do.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from promopilot.predictors.dataset import Floats, Ints
from promopilot.predictors.logistic import sigmoid
from promopilot.predictors.predictive import ItemCounts, central_factor
from promopilot.predictors.random_effects import Items, log_likelihood
from promopilot.predictors.vocabulary import UNKNOWN, Features, digest_of

# Fewer promotions than this cannot tell a spread.
LEAST_PROMOTIONS = 5
LEAST_STRANGERS = 20  # promotions of unseen groups, for the choose rows to tell of them
# Without evidence: the mid case of the worlds in which re-planning was compared (s = .3, .5, .8).
_FALLBACK_SD = 0.5
# A new text is at least this much less certain than one that the fit has seen.
_NEW_TEXT_FACTOR = 1.25
_SMALLEST_SD, _LARGEST_SD = 1e-2, 3.0
# Weak priors that hold what the choose rows hardly tell, log-normal: mean and sd of the log. A new
# text's spread on the logit is of the order of .4, and half of it is learnt within some 50 events.
_PRIOR_NEW = (np.log(0.4), 0.7)
_PRIOR_HALF = (np.log(50.0), 2.0)
# More line items than this add seconds, not knowledge; whole promotions are left out.
_MOST_ITEMS = 20_000


@dataclass(frozen=True)
class StageSpread:
    """Standard deviations of one stage's logit."""

    shared: float  # a promotion's, its text well known from the fit
    own: float  # a line item's
    shared_new: float  # a promotion's whose text the fit never saw
    placement: float  # between placements: added where the placement is unknown
    segment: float  # between segments: added where the segment is unknown
    group: float  # what an unknown group adds to a new text
    half_events: float = 1.0  # events in the fit at which half of a new text's excess is learnt
    # Events in the fit by text digest, for the texts that the fit saw.
    known: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Returns plain numbers."""
        return asdict(self)

    def shared_variance(self, features: Features) -> Floats:
        """Returns the variance [R] of the promotion's shift."""
        events = [self.known.get(digest_of(text), 0.0) for text in features.texts]
        open_share = 1.0 / (1.0 + np.array(events) / self.half_events)[features.text]
        # A text that was seen without a count on record is taken as well known.
        open_share = np.where(features.is_new_text, 1.0, open_share if self.known else 0.0)
        stranger = features.is_new_text & (features.group == UNKNOWN)
        variance = self.shared**2 + (self.shared_new**2 - self.shared**2) * open_share
        return np.asarray(variance + np.where(stranger, self.group**2, 0.0))


@dataclass(frozen=True)
class Residuals:
    """What one stage showed on the choose rows, per row [R]."""

    promotion: Ints
    item: Ints  # line item: rows of different days share it
    trials: Floats
    successes: Floats
    rate: Floats  # predicted
    is_stranger: NDArray[np.bool_]  # neither the promotion's text nor its group was in the fit
    events: Floats  # of the promotion's text in the fit


def logit_sd(spread: StageSpread, features: Features) -> Floats:
    """Returns the logit's standard deviation [R]: wider for what the fit hardly saw."""
    variance = spread.shared_variance(features) + spread.own**2
    for unknown, between in (
        (features.placement == UNKNOWN, spread.placement),
        (features.segment == UNKNOWN, spread.segment),
    ):
        variance = variance + np.where(unknown, between**2, 0.0)
    return np.asarray(np.sqrt(variance))


def spread_between(logit: Floats, level: Ints, weight: Floats) -> float:
    """Returns the weighted standard deviation between levels of the mean logit; 0 with one."""
    weights = np.bincount(level, weight)
    sums = np.bincount(level, weight * logit)
    used = weights > 0
    if used.sum() < 2:
        return 0.0
    means = sums[used] / weights[used]
    centre = np.average(means, weights=weights[used])
    return float(np.sqrt(np.average((means - centre) ** 2, weights=weights[used])))


def estimate_spread(
    residuals: Residuals, floor: float, between: tuple[float, float], stranger: float
) -> StageSpread:
    """Estimates a stage's spread from the choose rows; no standard deviation is below `floor`.

    Args:
        residuals: the choose rows under the calibrated prediction.
        floor: least value, in logits; the sampling error of an estimate near 0 is not 0.
        between: standard deviations between placements and segments.
        stranger: shared standard deviation of a promotion of an unknown group, as far as it is
            known from elsewhere; where enough of them are among the choose rows, these tell.
    """
    placement, segment = between
    summed, unknown = (
        by_item(residuals, ~residuals.is_stranger),
        by_item(residuals, residuals.is_stranger),
    )
    if summed.promotions() >= LEAST_PROMOTIONS:
        shared, own, shared_new, half = _evidence_spread(summed)
        shared_new = max(shared_new, shared * _NEW_TEXT_FACTOR)
    elif unknown.promotions() >= LEAST_PROMOTIONS:  # the choose rows are of other groups
        shared, own = constant_spread(unknown)
        shared_new, half = shared, 1.0
    else:
        shared = own = _FALLBACK_SD
        shared_new, half = shared * _NEW_TEXT_FACTOR, 1.0
    judged = summed if summed.promotions() >= LEAST_PROMOTIONS else unknown
    factor = central_factor(judged.counts(shared, own, shared_new, half))
    shared, own = max(shared * factor, floor), max(own * factor, floor)
    shared_new = max(shared_new * factor, shared)
    if judged is unknown:
        stranger = shared_new  # these were strangers themselves
    elif unknown.promotions() >= LEAST_STRANGERS:
        stranger = constant_spread(unknown)[0] * factor
    return StageSpread(
        shared=shared,
        own=own,
        shared_new=shared_new,
        placement=placement,
        segment=segment,
        group=float(np.sqrt(max(stranger**2 - shared_new**2, 0.0))),
        half_events=half,
    )


@dataclass(frozen=True)
class Summed:
    """Residuals per line item [I] of J promotions."""

    items: Items
    events: Floats  # [J] of the promotion's text in the fit

    def promotions(self) -> int:
        """Returns J."""
        return len(self.events)

    def counts(self, shared: float, own: float, shared_new: float, half: float) -> ItemCounts:
        """Returns the items with the standard error that a spread gives them."""
        excess = (shared_new**2 - shared**2) / (1.0 + self.events / half)
        return ItemCounts(
            promotion=self.items.group,
            trials=self.items.trials,
            rate=sigmoid(self.items.logit),
            sd=np.sqrt(shared**2 + own**2 + excess)[self.items.group],
            events=self.items.successes,
        )


def by_item(residuals: Residuals, chosen: NDArray[np.bool_] | None = None) -> Summed:
    """Sums the chosen rows to line items, the rate being the mean over their trials."""
    use = residuals.trials > 0
    if chosen is not None:
        use &= chosen
    code = np.unique(residuals.item[use], return_inverse=True)[1]
    count = int(code.max(initial=-1)) + 1
    trials = np.bincount(code, residuals.trials[use], minlength=count)
    expected = np.bincount(code, (residuals.trials * residuals.rate)[use], minlength=count)
    observed = np.bincount(code, residuals.successes[use], minlength=count)
    row = np.zeros(count, dtype=np.int64)
    row[code] = np.flatnonzero(use)
    rate = np.clip(expected / np.maximum(trials, 1e-300), 1e-12, 1.0 - 1e-12)
    names, group = np.unique(residuals.promotion[row], return_inverse=True)
    events = np.zeros(len(names))
    events[group] = residuals.events[row]
    kept = group < _most_groups(group)
    return Summed(
        items=Items(
            group=group[kept],
            logit=np.log(rate / (1.0 - rate))[kept],
            trials=trials[kept].astype(np.float64),
            successes=observed[kept].astype(np.float64),
        ),
        events=events[: int(group[kept].max(initial=-1)) + 1],
    )


def _most_groups(group: Ints) -> int:
    """How many promotions have at most `_MOST_ITEMS` line items between them, one at least."""
    sizes = np.cumsum(np.bincount(group)) if len(group) else np.zeros(1)
    return max(1, int((sizes <= _MOST_ITEMS).sum()))


def constant_spread(summed: Summed) -> tuple[float, float]:
    """Returns (shared, own), the same for all promotions; a fallback where there are too few."""
    if summed.promotions() < LEAST_PROMOTIONS:
        return _FALLBACK_SD, _FALLBACK_SD

    def loss(log_sd: Floats) -> float:
        shared, own = np.exp(2.0 * log_sd)
        return -log_likelihood(summed.items, np.full(len(summed.events), shared), float(own))

    shared, own = _minimum(loss, [0.2, 0.2])
    return shared, own


def _evidence_spread(summed: Summed) -> tuple[float, float, float, float]:
    """Returns (shared, own, shared_new, half_events)."""

    def loss(logs: Floats) -> float:
        shared, own, excess = np.exp(2.0 * logs[:3])
        variance = shared + excess / (1.0 + summed.events / np.exp(logs[3]))
        prior = 0.5 * ((logs[2] - _PRIOR_NEW[0]) / _PRIOR_NEW[1]) ** 2
        prior += 0.5 * ((logs[3] - _PRIOR_HALF[0]) / _PRIOR_HALF[1]) ** 2
        return float(prior) - log_likelihood(summed.items, variance, float(own))

    shared, own, excess, half = _minimum(loss, [0.2, 0.2, 0.4, 50.0])
    return shared, own, float(np.hypot(shared, excess)), half


def _minimum(loss: Callable[[Floats], float], start: list[float]) -> tuple[float, ...]:
    """Minimises over logarithms: standard deviations first, then perhaps a number of events."""
    sd = (np.log(_SMALLEST_SD), np.log(_LARGEST_SD))
    bounds = [sd] * min(len(start), 3) + [(0.0, np.log(1e6))] * (len(start) - 3)
    best = minimize(loss, np.log(np.array(start)), method="L-BFGS-B", bounds=bounds)
    return tuple(float(value) for value in np.exp(best.x))


def scaled(spread: StageSpread, shared: float, own: float, known: dict[str, float]) -> StageSpread:
    """Returns the spread as a longer look back advises, unknown groups as they were.

    Args:
        spread: found on the choose rows.
        shared: factor on the promotions' standard deviations.
        own: factor on the line items'.
        known: events in the fit by text digest.
    """
    stranger = spread.group**2 + spread.shared_new**2
    shared_new = spread.shared_new * shared
    return replace(
        spread,
        shared=spread.shared * shared,
        shared_new=shared_new,
        own=spread.own * own,
        known=known,
        group=float(np.sqrt(max(stranger - shared_new**2, 0.0))),
    )
