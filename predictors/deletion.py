"""Whether the words said to matter do: they are taken out of the text and the text is scored again.

Comprehensiveness of DeYoung et al. (2020, ERASER): the change of the prediction when the words that
an explanation names are removed, here for the k words said to raise a rate most and for the k said
to lower it most (or raise it least), each held against k words drawn at random from the same text.
An explanation that says nothing of the model, or says it the wrong way round, fails.

T is texts, Q the rates asked about: each stage's, and their product where there are two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np

from promopilot.predictors.attribution import Removal, TextEffects, scored_without, with_product
from promopilot.predictors.counterfactual import Asked
from promopilot.predictors.dataset import Floats, Rows

# Of the shares of words that ERASER removes (1, 5, 10, 20, 50 %) those that differ in short texts.
SHARES = (0.1, 0.2, 0.5)
_KINDS = ("raising", "lowering", "random")
_DRAWS = 8  # random orders of a text's words, the first of which are removed
_REPLICATES = 2000
_LEVEL = 0.95
# Fewer texts of two words and more cannot tell, whatever the interval says.
LEAST_TEXTS = 8


@dataclass(frozen=True)
class Faithfulness:
    """Mean change of one log rate when words are removed, over T texts, and the verdict."""

    texts: int
    raising: float  # without the words said to raise it most
    lowering: float  # without those said to lower it most
    random: float  # without as many drawn at random
    # Paired differences, with the interval of a bootstrap over texts; faithful ones are positive.
    raising_gain: tuple[float, float, float]  # random - raising: mean, lower, upper end
    lowering_gain: tuple[float, float, float]  # lowering - random

    @property
    def is_tested(self) -> bool:
        """Whether there were texts enough."""
        return self.texts >= LEAST_TEXTS

    @property
    def holds(self) -> bool:
        """Whether both kinds of words move the rate their way by more than random words do."""
        return self.is_tested and self.raising_gain[1] > 0 and self.lowering_gain[1] > 0


def faithfulness(
    host: Asked, rows: Rows, effects: list[TextEffects], contexts: int, seed: int = 0
) -> list[Faithfulness]:
    """Tests effects of words by removing words; one result per rate, none without texts.

    Args:
        host: whose rates are explained.
        rows: what is shown where, as `text_effects` had it.
        effects: what `text_effects` gave, or anything of that form.
        contexts: rows of each text that are averaged over, at most.
        seed: of the random words and of the bootstrap.
    """
    tested = [effect for effect in effects if len(effect.split.spans) > 1]
    if not tested:
        return []
    changes = _changes(host, rows, tested, contexts, np.random.default_rng(seed))
    rng = np.random.default_rng([seed, 1])
    return [_judged(changes[:, :, rate], rng) for rate in range(changes.shape[2])]


def _changes(
    host: Asked,
    rows: Rows,
    tested: list[TextEffects],
    contexts: int,
    rng: np.random.Generator,
) -> Floats:
    """Returns the mean change [T, 3, Q] of log rates without raising, lowering, random words."""
    asked = [
        (text, *removal)
        for text, effect in enumerate(tested)
        for removal in _removals(with_product(effect.effect), rng)
    ]
    removals = [(text, gone) for text, _, _, gone in asked]
    whole: list[Removal] = [(text, frozenset()) for text in range(len(tested))]
    splits = [effect.split for effect in tested]
    scored = with_product(scored_without(host, rows, splits, whole + removals, contexts))
    text, kind, rate = np.array([key[:3] for key in asked]).T
    change = (scored[len(whole) :] - scored[text])[np.arange(len(asked)), rate]
    total, count = np.zeros((2, len(tested), len(_KINDS), scored.shape[1]))
    np.add.at(total, (text, kind, rate), change)
    np.add.at(count, (text, kind, rate), 1)
    return np.asarray(total / count)


def _removals(
    effect: Floats, rng: np.random.Generator
) -> Iterator[tuple[int, int, frozenset[int]]]:
    """Yields kind, rate and the words removed, for one text with `effect` [W, Q]."""
    words, rates = effect.shape
    sizes = sorted({ceil(share * words) for share in SHARES})
    orders = [rng.permutation(words) for _ in range(_DRAWS)]
    for rate in range(rates):
        # Ties at random: the place in the text must not decide.
        falling = np.lexsort(np.stack([rng.random(words), -effect[:, rate]]))
        for size in sizes:
            yield _KINDS.index("raising"), rate, frozenset(falling[:size].tolist())
            yield _KINDS.index("lowering"), rate, frozenset(falling[-size:].tolist())
            for order in orders:
                yield _KINDS.index("random"), rate, frozenset(order[:size].tolist())


def _judged(change: Floats, rng: np.random.Generator) -> Faithfulness:
    """Sums up changes [T, 3] of one rate."""
    raising, lowering, random = change.T
    drawn = rng.integers(0, len(change), (_REPLICATES, len(change)))

    def paired(gain: Floats) -> tuple[float, float, float]:
        ends = np.quantile(gain[drawn].mean(axis=1), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        return float(gain.mean()), float(ends[0]), float(ends[1])

    return Faithfulness(
        texts=len(change),
        raising=float(raising.mean()),
        lowering=float(lowering.mean()),
        random=float(random.mean()),
        raising_gain=paired(random - raising),
        lowering_gain=paired(lowering - random),
    )
