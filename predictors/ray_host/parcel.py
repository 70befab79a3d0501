"""What of a request travels to the host: the promotions that are asked for, and no outcomes.

It travels, and the answer too, as bytes: to call an actor with 64 texts took 1.1 ms so, and 1.5 ms
with the object, which Ray takes apart itself.
"""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np

from promopilot.predictors.dataset import Ints, Promotions, Rows
from promopilot.predictors.prediction import Prediction


@dataclass(frozen=True)
class Parcel:
    """Rows to be scored; the codes in the smallest integers that hold them."""

    promotions: Promotions  # those that the rows show
    placement_ids: tuple[str, ...]
    segment_ids: tuple[str, ...]
    promotion: Ints  # [R] into promotions
    placement: Ints  # [R] into placement_ids
    segment: Ints  # [R] into segment_ids
    weekday: Ints  # [R] 0..6
    day: Ints  # [R] since 1970-01-01

    @classmethod
    def of(cls, rows: Rows) -> "Parcel":
        """Packs rows."""
        shown, promotion = np.unique(rows.promotion, return_inverse=True)
        known = rows.promotions
        columns = {
            field.name: column[shown]
            for field in fields(known)
            if (column := getattr(known, field.name)) is not None and field.name != "fields"
        }
        return cls(
            promotions=replace(known, **columns, fields={}),  # for the baselines, which none asks
            placement_ids=rows.placement_ids,
            segment_ids=rows.segment_ids,
            promotion=_narrow(promotion),
            placement=_narrow(rows.placement),
            segment=_narrow(rows.segment),
            weekday=_narrow(rows.weekday),
            day=_narrow(rows.day),
        )

    def sealed(self) -> bytes:
        """Returns the parcel as bytes."""
        return pickle.dumps(self, protocol=5)

    @classmethod
    def opened(cls, sealed: bytes) -> "Parcel":
        """Returns the parcel that was sealed by a process of the same run."""
        parcel = pickle.loads(sealed)
        if not isinstance(parcel, cls):
            raise TypeError(f"a {type(parcel).__name__} is no parcel")
        return parcel

    def rows(self) -> Rows:
        """Unpacks the rows, nothing having happened to them."""
        length = len(self.promotion)
        nothing = np.zeros(length, dtype=np.int64)
        return Rows(
            promotions=self.promotions,
            placement_ids=self.placement_ids,
            segment_ids=self.segment_ids,
            promotion=self.promotion.astype(np.int64),
            placement=self.placement.astype(np.int64),
            segment=self.segment.astype(np.int64),
            weekday=self.weekday.astype(np.int64),
            day=self.day.astype(np.int64),
            impressions=nothing,
            clicks=None,
            conversions=None,
            clicks_known=np.zeros(length, dtype=bool),
            conversions_known=np.zeros(length, dtype=bool),
            matured=np.ones(length),
            weight=np.ones(length),
        )


def parts(rows: Rows, texts: int, length: int) -> Iterator[Ints]:
    """Yields the places of rows [<= length], in parts with at most `texts` promotions each.

    The rows of a promotion stay together, so that its text travels once.
    """
    if not len(rows):
        yield np.zeros(0, dtype=np.int64)
        return
    order = np.argsort(rows.promotion, kind="stable")
    _, starts = np.unique(rows.promotion[order], return_index=True)
    bounds = [*starts[::texts], len(rows)]
    for start, end in pairwise(bounds):
        for first in range(start, end, length):
            yield order[first : min(first + length, end)]


def joined(length: int, places: list[Ints], answers: list[Prediction]) -> Prediction:
    """Returns the prediction [R] of all rows from those of its parts."""
    whole = {}
    for field in fields(Prediction):
        columns = [getattr(answer, field.name) for answer in answers]
        if columns[0] is None:
            continue
        whole[field.name] = np.empty(length)
        for place, column in zip(places, columns, strict=True):
            whole[field.name][place] = column
    return Prediction(**whole)


def sealed(answer: Prediction) -> bytes:
    """Returns an answer as bytes."""
    return pickle.dumps(answer, protocol=5)


def opened(answer: bytes) -> Prediction:
    """Returns the answer that a replica sealed."""
    prediction = pickle.loads(answer)
    if not isinstance(prediction, Prediction):
        raise TypeError(f"a {type(prediction).__name__} is no prediction")
    return prediction


def _narrow(codes: Ints) -> Ints:
    if not len(codes):
        return codes
    least, most = int(codes.min()), int(codes.max())
    smallest = np.result_type(np.min_scalar_type(least), np.min_scalar_type(most))
    return codes.astype(smallest)
