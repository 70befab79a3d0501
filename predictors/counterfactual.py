"""Rows as they would be with another text, price or placement, and the rates predicted for them.

N is the number of changed rows, P of promotions.
"""

from dataclasses import fields, replace
from typing import Any

import numpy as np

from promopilot.predictors.dataset import Floats, Ints, Promotions, Rows
from promopilot.predictors.hosting import PredictorHost
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.predictor import Predictor

Asked = PredictorHost | Predictor  # whoever gives rates

# What of a row comes from its promotion, by the field of `Promotions` that holds it.
OF_PROMOTION = {
    "text": ("text",),
    "group": ("group_id",),
    "discount": ("discount",),
    "price": ("log_price",),
}
# What comes from where and when it is shown, by the field of `Rows`.
OF_CONTEXT = {"placement": ("placement",), "segment": ("segment",), "calendar": ("weekday", "day")}
FIELDS = (*OF_PROMOTION, *OF_CONTEXT)


def log_rates(host: Asked, rows: Rows) -> Floats:
    """Returns the natural logs of the predicted rates of each stage [R, Z]."""
    found = host.predict(rows)
    if found.ctr is None or found.cvr is None:
        return np.log(found.last)[:, None]
    return np.log(np.stack([found.ctr, found.cvr], axis=1))


def stages_of(prediction: Prediction) -> tuple[str, ...]:
    """Returns what the stages of a prediction are called."""
    if prediction.cvr is not None:
        return ("ctr", "cvr")
    return ("ctr",) if prediction.ctcvr is None else ("ctcvr",)


def rows_of_texts(rows: Rows, texts: list[str], contexts: int) -> Ints:
    """Returns rows [T, C] in which each of T texts is shown, evenly spread over all it has."""
    place = {text: number for number, text in enumerate(texts)}
    of_promotion = np.array([place.get(text, -1) for text in rows.promotions.text])
    text = of_promotion[rows.promotion]
    order = np.argsort(text, kind="stable")
    ends = np.searchsorted(text[order], np.arange(len(texts) + 1))
    counts = np.diff(ends)[:, None]
    spread = (np.arange(contexts) * counts + counts // 2) // contexts
    return np.asarray(order[ends[:-1, None] + spread], dtype=np.int64)


def with_texts(rows: Rows, texts: list[str], text: Ints) -> Rows:
    """Returns rows whose promotions bear other texts.

    Args:
        rows: R rows.
        texts: V texts.
        text: [R] into `texts`, the text of each row.
    """
    pairs, promotion = np.unique(np.stack([rows.promotion, text]), axis=1, return_inverse=True)
    table = _taken(rows.promotions, pairs[0])
    told = np.array(texts, dtype=object)[pairs[1]]
    return replace(
        rows, promotions=replace(table, text=told), promotion=promotion.reshape(-1).astype(np.int64)
    )


def mixed(rows: Rows, own: Ints, other: Ints, keeps: dict[str, Any]) -> Rows:
    """Returns rows that keep some fields and take the rest from other rows.

    Args:
        rows: R rows.
        own: [N] the rows that are changed.
        other: [N] the rows from which they take what they do not keep.
        keeps: for each of `FIELDS` a boolean array [N]; fields not named are kept.
    """
    changed = rows.pick(own)
    for name, columns in OF_CONTEXT.items():
        if name in keeps:
            taken = {
                column: np.where(
                    keeps[name], getattr(rows, column)[own], getattr(rows, column)[other]
                )
                for column in columns
            }
            changed = replace(changed, **taken)
    donors = np.stack(
        [rows.promotion[own]]
        + [
            rows.promotion[np.where(keeps[name], own, other) if name in keeps else own]
            for name in OF_PROMOTION
        ]
    )
    found, promotion = np.unique(donors, axis=1, return_inverse=True)
    table = _taken(rows.promotions, found[0])
    for place, columns in enumerate(OF_PROMOTION.values(), start=1):
        donor = _taken(rows.promotions, found[place])
        table = replace(table, **{column: getattr(donor, column) for column in columns})
    return replace(changed, promotions=table, promotion=promotion.reshape(-1).astype(np.int64))


def _taken(table: Promotions, index: Ints) -> Promotions:
    """Returns the promotions at `index`."""
    arrays: dict[str, Any] = {}
    for field in fields(table):
        value = getattr(table, field.name)
        if isinstance(value, np.ndarray):
            arrays[field.name] = value[index]
        elif isinstance(value, dict):
            arrays[field.name] = {name: column[index] for name, column in value.items()}
    return replace(table, **arrays)
