"""What a linear model knows of a row besides its text: one-hot columns learnt from the fit rows.

R is rows, K columns.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import sparse

from promopilot.predictors.dataset import WEEKDAYS, Floats, Names, Rows
from promopilot.predictors.logistic import one_hot
from promopilot.predictors.vocabulary import scale_of, scaled

_FEW_LEVELS = 20  # a discount with at most so many values is one-hot coded too


@dataclass(frozen=True)
class Columns:
    """Levels and scales of the fit rows; what they never showed is a row of zeros."""

    placements: tuple[str, ...]
    segments: tuple[str, ...]
    discounts: tuple[str, ...]  # to three decimals; empty where there are many
    fields: dict[str, tuple[str, ...]]  # text columns that repeat, by name
    discount: tuple[float, float]  # mean, standard deviation
    log_price: tuple[float, float]  # mean, standard deviation

    @classmethod
    def from_rows(cls, rows: Rows, later: Rows | None = None) -> "Columns":
        """Takes what occurs in `rows`.

        Args:
            rows: to learn from.
            later: rows that are predicted next: a text column most of whose values there are new,
                as an id of groups is where groups are held out, is left out. None: none is.
        """
        shown = np.unique(rows.promotion)
        promotions = rows.promotions
        discounts = _levels(_rounded(promotions.discount[shown]))
        # In the order of names, whatever order a file gives them.
        fields = {
            name: _levels(promotions.fields[name][shown]) for name in sorted(promotions.fields)
        }
        if later is not None:
            fields = {name: known for name, known in fields.items() if _recurs(name, known, later)}
        return cls(
            placements=tuple(sorted({rows.placement_ids[i] for i in np.unique(rows.placement)})),
            segments=tuple(sorted({rows.segment_ids[i] for i in np.unique(rows.segment)})),
            discounts=discounts if len(discounts) <= _FEW_LEVELS else (),
            fields=fields,
            discount=scale_of(promotions.discount[shown]),
            log_price=scale_of(promotions.log_price[shown]),
        )

    def matrix(self, rows: Rows, with_fields: bool) -> Any:
        """Returns CSR [R, K]; `with_fields` adds the text columns that repeat."""
        promotions = rows.promotions
        own: list[Any] = [
            _coded(_rounded(promotions.discount), self.discounts),
            sparse.csr_matrix(
                np.concatenate(
                    [
                        scaled(promotions.discount, self.discount),
                        scaled(promotions.log_price, self.log_price),
                    ],
                    axis=1,
                )
            ),
        ]
        if with_fields:
            absent = np.full(len(promotions.text), "", dtype=object)
            own += [
                _coded(promotions.fields.get(name, absent), levels)
                for name, levels in self.fields.items()
            ]
        placement = _coded(np.array(rows.placement_ids, dtype=object), self.placements)
        segment = _coded(np.array(rows.segment_ids, dtype=object), self.segments)
        blocks = [
            placement[rows.placement],
            segment[rows.segment],
            one_hot(rows.weekday, WEEKDAYS),
            sparse.hstack(own, format="csr")[rows.promotion],
        ]
        return sparse.hstack(blocks, format="csr")

    def to_json(self) -> dict[str, Any]:
        """Returns plain lists and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Columns":
        """Reads what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: a key is absent or of another kind.
        """
        names = {
            key: tuple(str(item) for item in value[key])
            for key in ("placements", "segments", "discounts")
        }
        fields = {
            str(k): tuple(str(item) for item in v) for k, v in sorted(value["fields"].items())
        }
        discount, log_price = (
            (float(value[key][0]), float(value[key][1])) for key in ("discount", "log_price")
        )
        return cls(**names, fields=fields, discount=discount, log_price=log_price)


def _recurs(name: str, known: tuple[str, ...], later: Rows) -> bool:
    """Whether at least half of the later promotions have a known value."""
    values = later.promotions.fields.get(name)
    if values is None or not known:
        return False
    shown = values[np.unique(later.promotion)].astype(str)
    return bool(np.isin(shown, known).mean() >= 0.5)


def _coded(values: Names, levels: tuple[str, ...]) -> Any:
    place = {name: index for index, name in enumerate(levels)}
    code = np.array([place.get(str(value), -1) for value in values], dtype=np.int64)
    return one_hot(code, len(levels))


def _rounded(values: Floats) -> Names:
    return np.asarray(np.round(values, 3).astype(str).astype(object))


def _levels(values: Names) -> tuple[str, ...]:
    return tuple(sorted({str(value) for value in values} - {"", "nan"}))
