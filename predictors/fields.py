"""How much each field of what is shown sets a promotion's rates apart from those of the others.

The effect of a field is its Shapley value (Lundberg & Lee 2017) in the game whose players are the
fields and whose payoff is the log rate of a row that has the promotion's own values of the fields
present and another row's values of the rest, averaged over such pairs: the interventional form,
which asks what the predictor does with a value, not what the value goes along with (Janzing,
Minorics & Bloebaum 2020). With seven fields all 128 sets are scored, so effects are exact for the
pairs drawn and add up to the difference between the promotion and the average of the others.

P is promotions explained, C pairs per promotion, F fields, Z stages.
"""

from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

from promopilot.predictors.counterfactual import OF_CONTEXT, OF_PROMOTION, Asked, log_rates, mixed
from promopilot.predictors.dataset import Floats, Rows


@dataclass(frozen=True)
class FieldEffects:
    """What fields do to the log of each stage's rate."""

    fields: tuple[str, ...]  # F of `counterfactual.FIELDS`: those that differ between rows
    effect: Floats  # [P, F, Z]
    own: Floats  # [P, Z] mean log rate of the promotion where it is shown
    average: Floats  # [Z] mean log rate of the rows that it is held against


def field_effects(host: Asked, rows: Rows, seed: int = 0) -> FieldEffects:
    """Returns the effects of fields for each promotion of `rows`.

    Args:
        host: whose rates are explained.
        rows: C rows of each of P promotions, all of a promotion together.
        seed: of the pairs.
    """
    count = len(np.unique(rows.promotion))
    own = np.arange(len(rows)).reshape(count, -1)
    # All promotions are held against the same rows, spread evenly over all of them.
    each = own.shape[1]
    others = (np.arange(each) * len(rows) + len(rows) // 2) // each
    other = np.tile(np.random.default_rng(seed).permutation(others), (count, 1))
    fields = tuple(name for name in (*OF_PROMOTION, *OF_CONTEXT) if _differs(rows, name))
    sets = _subsets(len(fields))
    keeps = {name: np.repeat(sets[:, place], own.size) for place, name in enumerate(fields)}
    scored = log_rates(
        host,
        mixed(rows, np.tile(own.ravel(), len(sets)), np.tile(other.ravel(), len(sets)), keeps),
    )
    payoff = scored.reshape(len(sets), count, each, -1).mean(axis=2)  # [2^F, P, Z]
    effect = np.einsum("fs,spz->pfz", _shapley(sets), payoff)
    return FieldEffects(fields, effect, payoff[-1], payoff[0].mean(axis=0))


def _differs(rows: Rows, field: str) -> bool:
    if field in OF_CONTEXT:
        return any(len(np.unique(getattr(rows, name))) > 1 for name in OF_CONTEXT[field])
    shown = np.unique(rows.promotion)
    columns = [getattr(rows.promotions, name)[shown] for name in OF_PROMOTION[field]]
    return any(len(set(map(str, column))) > 1 for column in columns)


def _subsets(count: int) -> NDArray[np.bool_]:
    """Returns all sets of fields [2^F, F], the empty one first and the full one last."""
    return np.asarray((np.arange(1 << count)[:, None] >> np.arange(count)) % 2 == 1)


def _shapley(sets: NDArray[np.bool_]) -> Floats:
    """Returns weights [F, 2^F] of the sets' payoffs in the Shapley value of each field."""
    count = sets.shape[1]
    size = sets.sum(axis=1)
    share = np.array(
        [factorial(s - 1) * factorial(count - s) if s else 0 for s in range(count + 1)]
    )
    joined = share[size] / factorial(count)  # the field is the last to come to the set
    left = np.roll(share, -1)[size] / factorial(count)  # the field would be the next to come
    return np.asarray(np.where(sets, joined[:, None], -left[:, None]).T)
