"""Which words of a text raise or lower the rates predicted for it.

The effect of a word is its Shapley value (Shapley 1953; Lundberg & Lee 2017) in the game whose
players are the words of a text and whose payoff is the log of a rate, averaged over contexts, that
the predictor gives the text without the absent words: the change that the word makes when it comes
to the words before it, averaged over orders of coming. Effects add up to the difference between the
text and no text, exactly for every sample of orders; in logs those on the stages add up to that on
their product; exp(effect) is what the word multiplies the rate by.

Integrated gradients (Sundararajan, Taly & Yan 2017) were tried against it on the 30 promotions of
the demo's plan with Captum, 32 steps, words blanked by padding: taking out the words that they name
moved the log of the first rate .58 further down and .46 further up than random words did, these
here .70 and .52, for both rates in a fifth of the time that the gradients took for one. Nor does
this need the network: any host of a predictor will do. The tests hold the two against each other.

T is distinct texts, W words of a text, C contexts per text, Z stages.
"""

from dataclasses import dataclass

import numpy as np

from promopilot.predictors.counterfactual import Asked, log_rates, rows_of_texts, with_texts
from promopilot.predictors.dataset import Floats, Rows
from promopilot.predictors.words import SplitText

# Orders of coming, half of them the others backwards (antithetic: Mitchell et al. 2022). Twice as
# many name words whose removal moves the demo's rates by 3 % more.
_ORDERS = 8
# Texts without some words scored per text, at most: in long texts fewer orders are drawn.
_SCORED = 96

Removal = tuple[int, frozenset[int]]  # a text, and the words gone from it


@dataclass(frozen=True)
class TextEffects:
    """What the words of one text do to the log of each stage's rate."""

    split: SplitText
    effect: Floats  # [W, Z]
    told: Floats  # [Z] mean log rate with the text as it is
    untold: Floats  # [Z] without any of its words


def text_effects(
    host: Asked, rows: Rows, splits: list[SplitText], contexts: int, seed: int = 0
) -> list[TextEffects]:
    """Returns the effects of the words of texts [T].

    Args:
        host: whose rates are explained.
        rows: what is shown where.
        splits: distinct texts of promotions in `rows`.
        contexts: rows of each text that are averaged over.
        seed: of the orders.
    """
    rng = np.random.default_rng(seed)
    orders = [_orders(len(split.spans), rng) for split in splits]
    removals: list[Removal] = []
    for text, each in enumerate(orders):
        for order in each:
            # From the whole text, whose words leave one by one, to none of them.
            removals += [(text, frozenset(order[:gone].tolist())) for gone in range(len(order) + 1)]
    logs = scored_without(host, rows, splits, removals, contexts)
    found, place = [], 0
    for split, each in zip(splits, orders, strict=True):
        words = len(split.spans)
        path = logs[place : place + len(each) * (words + 1)].reshape(len(each), words + 1, -1)
        place += path.shape[0] * path.shape[1]
        effect = np.zeros((words, path.shape[2]))
        np.add.at(effect, each, -np.diff(path, axis=1) / len(each))
        found.append(TextEffects(split, effect, path[0, 0], path[0, -1]))
    return found


def scored_without(
    host: Asked,
    rows: Rows,
    splits: list[SplitText],
    removals: list[Removal],
    contexts: int,
) -> Floats:
    """Returns mean log rates [N, Z] of texts without words, for N removals; each is scored once."""
    place = {removal: number for number, removal in enumerate(dict.fromkeys(removals))}
    left = [splits[text].without(gone) for text, gone in place]
    shown = rows_of_texts(rows, [split.text for split in splits], contexts)
    shown = shown[np.array([text for text, _ in place])]
    told = np.repeat(np.arange(len(left)), contexts)
    logs = log_rates(host, with_texts(rows.pick(shown.ravel()), left, told))
    mean = logs.reshape(*shown.shape, -1).mean(axis=1)
    return np.asarray(mean[[place[removal] for removal in removals]])


def with_product(values: Floats) -> Floats:
    """Appends to values of the log rates [..., Z] those of their product, where there are two."""
    if values.shape[-1] < 2:
        return values
    return np.concatenate([values, values.sum(axis=-1, keepdims=True)], axis=-1)


def _orders(words: int, rng: np.random.Generator) -> np.ndarray:
    """Returns orders [M, W] of words, each beside its reverse."""
    pairs = int(np.clip(_SCORED // (2 * max(words, 1)), 1, _ORDERS // 2))
    drawn = rng.permuted(np.tile(np.arange(words), (pairs, 1)), axis=1)
    return np.concatenate([drawn, drawn[:, ::-1]])
