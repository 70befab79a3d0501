"""What the network knows by name and by scale, learnt from the fit rows and stored with it.

Index 0 of each category is "unknown": a placement, segment or group that the fit never saw.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from promopilot.predictors.dataset import Floats, Ints, Names, Rows
from promopilot.predictors.wording import WORDINGS, wordings

UNKNOWN = 0
# discount, discount missing, log price, log price missing, and how the text is put
NUMERIC = 4 + WORDINGS


@dataclass(frozen=True)
class Features:
    """Rows as the network reads them; T is the number of distinct texts, R of rows."""

    texts: list[str]  # T distinct texts
    text: Ints  # [R] into texts
    placement: Ints  # [R] 0 is unknown
    segment: Ints  # [R] 0 is unknown
    group: Ints  # [R] 0 is unknown
    weekday: Ints  # [R] 0..6
    numeric: NDArray[np.float32]  # [R, NUMERIC]
    offset: NDArray[np.float32]  # [R, Z] logits: the calendar's
    is_new_text: NDArray[np.bool_]  # [R] a text that the fit never saw


@dataclass(frozen=True)
class Vocabulary:
    """Names and scales from the fit rows."""

    placements: tuple[str, ...]
    segments: tuple[str, ...]
    groups: tuple[str, ...]
    texts: tuple[str, ...]  # first 16 hex digits of each text's sha256
    discount: tuple[float, float]  # mean, standard deviation
    log_price: tuple[float, float]  # mean, standard deviation
    wording: tuple[tuple[float, float], ...]  # the same of each of `wording.NAMES`, over texts

    @classmethod
    def from_rows(cls, rows: Rows) -> "Vocabulary":
        """Takes what occurs in `rows`; scales are over promotions that were shown."""
        shown = np.unique(rows.promotion)
        promotions = rows.promotions
        return cls(
            placements=_used(rows.placement_ids, rows.placement),
            segments=_used(rows.segment_ids, rows.segment),
            groups=tuple(sorted(set(promotions.group_id[shown]) - {""})),
            texts=tuple(sorted({digest_of(text) for text in promotions.text[shown]})),
            discount=scale_of(promotions.discount[shown]),
            log_price=scale_of(promotions.log_price[shown]),
            wording=tuple(
                scale_of(column) for column in wordings(sorted(set(promotions.text[shown]))).T
            ),
        )

    @classmethod
    def from_json(cls, value: dict[str, list[str] | list[float]]) -> "Vocabulary":
        """Reads what `to_json` wrote.

        Raises:
            TypeError, ValueError: a key is absent or of another kind.
        """
        names = {
            key: tuple(str(item) for item in value[key])
            for key in ("placements", "segments", "groups", "texts")
        }
        discount, log_price = (
            (float(value[key][0]), float(value[key][1])) for key in ("discount", "log_price")
        )
        put = tuple((float(pair[0]), float(pair[1])) for pair in value["wording"])  # type: ignore[index]
        return cls(**names, discount=discount, log_price=log_price, wording=put)

    def to_json(self) -> dict[str, object]:
        """Returns plain lists and numbers."""
        return asdict(self)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.texts)

    def features(self, rows: Rows, offset: Floats) -> Features:
        """Turns rows into indices and scaled numbers; what is missing is 0 and flagged.

        Args:
            rows: to be read.
            offset: the calendar's logits [R, Z] for them.
        """
        promotions = rows.promotions
        shown, inverse = np.unique(rows.promotion, return_inverse=True)
        # As objects: numpy's own strings would each be as wide as the longest text.
        texts, text = np.unique(promotions.text[shown], return_inverse=True)
        is_new = np.array([digest_of(str(value)) not in self._known for value in texts], dtype=bool)
        groups = _indices(promotions.group_id[shown], self.groups)
        mean, spread = np.array(self.wording).T
        put = (wordings(texts.tolist()) - mean) / spread
        numeric = np.concatenate(
            [
                scaled(promotions.discount[shown], self.discount),
                scaled(promotions.log_price[shown], self.log_price),
                put[text],
            ],
            axis=1,
        ).astype(np.float32)
        return Features(
            texts=[str(value) for value in texts],
            text=text[inverse],
            placement=_indices(_names(rows.placement_ids), self.placements)[rows.placement],
            segment=_indices(_names(rows.segment_ids), self.segments)[rows.segment],
            group=groups[inverse],
            weekday=rows.weekday,
            numeric=numeric[inverse],
            offset=offset.astype(np.float32),
            is_new_text=is_new[text[inverse]],
        )


def _used(ids: tuple[str, ...], codes: Ints) -> tuple[str, ...]:
    return tuple(sorted(ids[code] for code in np.unique(codes)))


def _names(ids: tuple[str, ...]) -> Names:
    return np.array(ids, dtype=object)


def _indices(values: Names, known: Iterable[str]) -> Ints:
    place = {name: index for index, name in enumerate(known, start=1)}
    return np.array([place.get(value, UNKNOWN) for value in values], dtype=np.int64)


def scale_of(values: Floats) -> tuple[float, float]:
    """Mean and standard deviation; (0, 1) where there is nothing to scale by."""
    present = values[np.isfinite(values)]
    if len(present) == 0:
        return 0.0, 1.0
    spread = float(present.std())
    return float(present.mean()), spread if spread > 1e-9 else 1.0


def scaled(values: Floats, scale: tuple[float, float]) -> Floats:
    """Returns [P, 2]: standardised values, 0 where missing, and a flag for that."""
    missing = ~np.isfinite(values)
    centred = (np.where(missing, scale[0], values) - scale[0]) / scale[1]
    return np.stack([centred, missing.astype(np.float64)], axis=1)


def digest_of(text: str) -> str:
    """Returns the first 16 hex digits of a text's sha256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
