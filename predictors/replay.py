"""What is learnt beside the new rows, so that the old ones are not forgotten.

What a network learns from new rows alone it writes over what it knew (McCloskey & Cohen 1989). The
remedy that needs nothing but the data is to go on learning from old rows too (rehearsal, Robins
1995). Few of them can stand for all: units are drawn with chances in proportion to their
impressions (systematic sampling, Madow 1949), in the order of their groups, and each counts as its
chance's inverse, so that the expected loss is that of all old rows (Horvitz & Thompson 1952).
A row counts the same whatever its age, as in a fit on everything; `recency_half_life_days` makes
old ones count less where the world changes.
R is rows, P promotions. A unit is what must not be cut in two: a test, or else a text.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from promopilot.predictors.dataset import Floats, Ints, Masks, Promotions, Rows
from promopilot.predictors.objective import Part
from promopilot.predictors.splits import own_group


@dataclass(frozen=True)
class History:
    """Rows that a fit may use, and what the earlier model has used of them."""

    rows: Rows
    is_new: Masks  # [R] the earlier model has neither learnt from it nor been judged on it
    is_choose: Masks  # [R] judges and is never learnt from by gradient

    def part(self, *, new: bool, choose: bool) -> Rows:
        """Returns the rows of an age and a purpose."""
        return self.rows.pick((self.is_new == new) & (self.is_choose == choose))

    @property
    def fit(self) -> Rows:
        """Rows to learn from, old and new."""
        return self.rows.pick(~self.is_choose)


@dataclass(frozen=True)
class Replay:
    """What the network learns from when it goes on."""

    rows: Rows  # the new ones and those old ones that are learnt again
    share: Floats  # [P] by which a promotion's loss is multiplied: 1 / its chance of being drawn
    texts: int  # old texts that are learnt again
    of_texts: int  # old texts that there are

    def weigh(self, part: Part) -> Part:
        """Returns a part of these rows, each promotion's loss multiplied by its share."""
        share = torch.tensor(self.share, dtype=torch.float32, device=part.weight.device)
        cell = share[part.entry]
        return replace(
            part,
            weight=part.weight * cell[:, None],
            whole_weight=part.whole_weight * cell,
            entry_weight=part.entry_weight * share[:, None],
        )


def replay(history: History, most_texts: int, seed: int) -> Replay:
    """Draws what is learnt again.

    Args:
        history: rows by age.
        most_texts: old texts, at most; those shown in new rows too are all taken, and none if 0.
        seed: of the draw.
    """
    rows = history.rows
    promotions = rows.promotions
    unit, texts = units_of(promotions), np.unique(promotions.text, return_inverse=True)[1]
    count = int(unit.max(initial=-1)) + 1
    is_old = ~history.is_new & ~history.is_choose
    is_fresh = history.is_new & ~history.is_choose
    shown_in = rows.impressions[is_old].astype(np.float64)
    size = np.bincount(unit[rows.promotion[is_old]], shown_in, minlength=count).astype(np.float64)
    old = np.flatnonzero(size > 0)
    again = np.isin(old, unit[rows.promotion[is_fresh]])
    shown = np.unique(rows.promotion[is_old])
    pairs = np.unique(np.stack([unit[shown], texts[shown]]), axis=1)
    texts_in = np.bincount(pairs[0], minlength=count)[old]
    room = most_texts - int(texts_in[again].sum())
    left = ~again
    per_unit = texts_in[left].mean() if left.any() else 1.0
    chance = np.zeros(count)
    chance[old[again]] = 1.0
    chance[old[left]] = inclusion(size[old[left]], int(max(room, 0) // per_unit))
    if most_texts == 0:
        chance[:] = 0.0
    group = np.empty(count, dtype=object)
    group[unit[shown]] = own_group(promotions)[shown]
    order = sorted(old, key=lambda u: (str(group[u]), -size[u], u))
    drawn = _systematic(chance, np.array(order, dtype=np.int64), seed)
    taken = drawn[unit[rows.promotion]] & is_old
    share = np.divide(1.0, chance, out=np.ones(count), where=drawn)
    return Replay(
        rows=rows.pick(taken | is_fresh),
        share=share[unit],
        texts=int(texts_in[drawn[old]].sum()),
        of_texts=int(texts_in.sum()),
    )


def units_of(promotions: Promotions) -> Ints:
    """Returns a number [P] per promotion, the same for those of a test or else of a text."""
    names = [f"text {text}" for text in promotions.text]
    if promotions.test_id is not None:
        names = [
            f"test {test}" if test else name
            for test, name in zip(promotions.test_id, names, strict=True)
        ]
    # As objects: numpy's own strings would each be as wide as the longest text.
    return np.unique(np.array(names, dtype=object), return_inverse=True)[1].astype(np.int64)


def inclusion(size: Floats, wanted: int) -> Floats:
    """Returns chances in proportion to positive sizes, at most 1, that sum to `wanted` or fewer."""
    chance = np.ones(len(size))
    if wanted >= len(size):
        return chance
    certain = np.zeros(len(size), dtype=np.bool_)
    while True:
        rest = wanted - int(certain.sum())
        chance = np.where(certain, 1.0, rest * size / max(size[~certain].sum(), 1e-300))
        above = (chance > 1.0) & ~certain
        if not above.any():
            return np.asarray(chance)
        certain |= above


def _systematic(chance: Floats, order: Ints, seed: int) -> Masks:
    """Draws units: one wherever the running sum of chances, from a random start, passes a whole."""
    drawn = np.zeros(len(chance), dtype=np.bool_)
    sure = chance[order] >= 1.0
    drawn[order[sure]] = True
    rest = order[~sure]
    start = np.random.default_rng([seed, 1]).random()
    ends = np.cumsum(chance[rest]) + start
    drawn[rest] = np.floor(ends) > np.floor(ends - chance[rest])
    return drawn
