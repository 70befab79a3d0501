"""What a fit is made of: checked before it begins, told in its record, known by its digest."""

import hashlib
from dataclasses import fields
from typing import Any

import numpy as np

from promopilot.predictors.counts import StageCounts
from promopilot.predictors.dataset import Rows
from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.settings import PredictorSettings


def check_parts(train: Rows, choose: Rows, names: tuple[str, str] = ("fit", "choose")) -> None:
    """Refuses parts that nothing can be learnt from.

    Args:
        train: rows to learn from.
        choose: rows that choose.
        names: of the two, for messages.

    Raises:
        PredictorDataError: one part has no events or its counts differ in kind from the other's.
    """
    if train.stages != choose.stages:
        raise PredictorDataError(
            f"The {names[0]} part of performance records {' and '.join(train.stages)}, the "
            f"{names[1]} part {' and '.join(choose.stages)}: give both the same columns."
        )
    for name, rows in zip(names, (train, choose), strict=True):
        counts = StageCounts.of(rows)
        totals = zip(
            rows.stages, counts.trials.sum(axis=0), counts.successes.sum(axis=0), strict=True
        )
        for stage, trials, successes in totals:
            what = {"ctr": "clicks"}.get(stage, "conversions")
            if successes <= 0:
                raise PredictorDataError(
                    f"The {name} part of performance has no {what}: widen its dates."
                )
            if successes >= trials:
                of = {"cvr": "click"}.get(stage, "impression")
                raise PredictorDataError(
                    f"In the {name} part of performance every {of} has its {what}, so that nothing "
                    f"can be told apart: check the column, or leave out {what}."
                )


def fit_key(
    train: Rows,
    choose: Rows,
    settings: PredictorSettings,
    start: dict[str, Any],
    seed: int,
) -> str:
    """Returns the digest of all that decides a fit, so that no other fit's state is taken up.

    Args:
        train: rows to learn from.
        choose: rows that choose.
        settings: of the fit.
        start: digests of what it starts from: the base model's, and an earlier model's seal.
        seed: of the fit.
    """
    told = (settings.model_dump_json(), start, seed)
    digest = hashlib.sha256(repr(told).encode())
    for rows in (train, choose):
        for field in fields(rows):
            value = getattr(rows, field.name)
            if isinstance(value, np.ndarray):
                digest.update(np.ascontiguousarray(value).tobytes())
        digest.update(repr((rows.placement_ids, rows.segment_ids)).encode())
        known = rows.promotions
        for column in (known.promotion_id, known.text, known.group_id, known.test_id):
            digest.update(repr(None if column is None else column.tolist()).encode())
        for numbers in (known.discount, known.log_price):
            digest.update(numbers.tobytes())
        for field_name, values in sorted(known.fields.items()):
            digest.update(repr((field_name, values.tolist())).encode())
    return digest.hexdigest()


def data_record(train: Rows, choose: Rows) -> dict[str, Any]:
    """Returns what was learnt from, for the model card and to know what is held out."""
    record: dict[str, Any] = {}
    for name, rows in (("fit", train), ("choose", choose)):
        days = rows.day.astype("datetime64[D]")
        record[name] = {
            "from": str(days.min()),
            "to": str(days.max()),
            "rows": len(rows),
            "promotions": len(np.unique(rows.promotion)),
            "tests": _tests(rows),
            "impressions": int(rows.impressions.sum()),
            "events": int(rows.events.sum()),
        }
    return {"data": record}


def _tests(rows: Rows) -> int:
    """Randomised tests whose promotions were shown."""
    if rows.promotions.test_id is None:
        return 0
    return len(set(rows.promotions.test_id[np.unique(rows.promotion)]) - {""})
