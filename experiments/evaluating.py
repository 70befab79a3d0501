"""`predictor evaluate`: a fitted predictor and its baselines against what really happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from promopilot.experiments.atomic import atomic_folder, write_text_atomic
from promopilot.experiments.own_folder import require_own
from promopilot.experiments.parts import rows_of
from promopilot.experiments.tables import read_tables

if TYPE_CHECKING:
    from promopilot.predictors.comparison import Score
    from promopilot.predictors.evaluation import Evaluation
    from promopilot.predictors.reliability import Coverage

EVALUATION = "evaluation.json"
# Measures of the printed table: name, heading, decimals.
_PRINTED = (
    ("log_loss", "log-loss", 6),
    ("normalised_entropy", "norm. entropy", 4),
    ("spearman", "rank corr.", 3),
    ("auc", "AUC", 4),
    ("pair_accuracy", "pairs right", 3),
    ("calibration_error", "calib. error", 6),
)
_STAGES = {
    "ctr": "clicks per impression",
    "cvr": "conversions per click",
    "ctcvr": "conversions per impression",
}
_KNOWN = {
    "all": "all promotions",
    "seen": "promotions seen in the fit",
    "new": "new texts of known groups",
    "unknown_group": "promotions of unknown groups",
}


def evaluate_folder(
    model: Path,
    data: Path,
    out: Path | None,
    progress: Callable[[str, float], None],
    device: str = "auto",
    seed: int = 0,
    overwrite: bool = False,
) -> tuple[str, dict[str, Any]]:
    """Scores a predictor on the rows of `data` that it has not used.

    Args:
        model: a folder of `predictor fit`.
        data: a folder of tables with outcomes.
        out: a new or empty folder for evaluation.json and the tables behind it; None: no files.
        progress: told what is done.
        device: where the network runs.
        seed: of the intervals' draws.
        overwrite: whether an earlier evaluation in `out` may be replaced.

    Returns:
        The table to print, and what evaluation.json holds.

    Raises:
        DataError: the tables break the contract.
        PredictorDataError: nothing in them is new to the predictor, or outcomes are missing.
        ArtifactError: the model is missing or altered, or this machine has no such device.
        RunFolderError: `out` holds something else, or an evaluation and `overwrite` is not given,
            or cannot be written.
    """
    from promopilot.predictors import Predictor
    from promopilot.predictors.evaluation import assess
    from promopilot.predictors.held_out import unused

    if out is not None:
        require_own(out, EVALUATION, "an evaluation", overwrite)
    progress("reading", 0.0)
    predictor = Predictor.load(model, device)
    tables = read_tables(data)
    rows = rows_of(tables, tables.performance, predictor.settings)
    fresh = unused(rows, predictor.record)
    found = assess(predictor, rows.pick(fresh), seed, progress=progress)
    summary = {"rows_left_out": int((~fresh).sum()), "seed": seed, **_document(found)}
    if out is not None:
        with atomic_folder(out) as work:
            _write(found, summary, work)
    progress("evaluate", 1.0)
    return _table(found, summary["rows_left_out"]), summary


def _document(found: Evaluation) -> dict[str, Any]:
    return {
        "rows": found.rows,
        "impressions": found.impressions,
        "groups_resampled": found.groups,
        "overall": [score.to_json() for score in found.overall],
        "slices": [
            {"dimension": part.dimension, "level": part.level, **score.to_json()}
            for part, scores in found.slices
            for score in scores
        ],
        "reliability": [part.to_json() for part in found.reliability],
        "coverage_80": [part.to_json() for part in found.coverage],
    }


def _write(found: Evaluation, summary: dict[str, Any], work: Path) -> None:
    text = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False)
    write_text_atomic(work / EVALUATION, text + "\n")
    tables = {
        "overall": summary["overall"],
        "slices": summary["slices"],
        "reliability": summary["reliability"],
        "coverage": [
            {key: value for key, value in row.items() if key != "pit"}
            | {f"pit_{at}": share for at, share in enumerate(row["pit"])}
            for row in summary["coverage_80"]
        ],
        "pairs": found.pairs,
    }
    for name, rows in tables.items():
        if rows:
            frame = pd.DataFrame(rows)
            frame.to_csv(
                work / f"{name}.csv", index=False, float_format="%.9g", lineterminator="\n"
            )


def _table(found: Evaluation, left_out: int) -> str:
    lines = [
        f"Scored on {found.rows:,} rows with {found.impressions:,} impressions; {left_out:,} rows "
        "that the fit has used were left out."
    ]
    for stage in dict.fromkeys(score.stage for score in found.overall):
        lines += ["", f"{_STAGES[stage].capitalize()}", *_stage_lines(found, stage)]
    if found.coverage:
        lines += ["", "Line items inside their 80 % interval (with at least 20 expected events)"]
        lines += [_coverage_line(part) for part in found.coverage]
    return "\n".join(lines)


def _coverage_line(part: Coverage) -> str:
    line = f"  {_STAGES[part.stage]}, {_KNOWN[part.which]}: {100 * part.coverage:.1f} %"
    if part.low is not None and part.high is not None:
        line += f" ({100 * part.low:.1f} to {100 * part.high:.1f} %)"
    return f"{line} of {part.items:,} items"


def _stage_lines(found: Evaluation, stage: str) -> list[str]:
    from promopilot.experiments.report import words

    figures = {
        (score.contender, score.measure): score for score in found.overall if score.stage == stage
    }
    names = list(dict.fromkeys(contender for contender, _ in figures))
    measures = [part for part in _PRINTED if any((n, part[0]) in figures for n in names)]
    head = ["", *(heading for _, heading, _ in measures), "log-loss against it, 95 %"]
    rows = [head]
    for name in names:
        cells = [
            f"{figures[name, measure].value:.{decimals}f}" if (name, measure) in figures else "-"
            for measure, _, decimals in measures
        ]
        rows.append([words.BASELINES[name][0], *cells, _gap(figures.get((name, "log_loss")))])
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    return [
        "  ".join(["", row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    ]


def _gap(score: Score | None) -> str:
    """How much less log-loss the predictor makes, in per cent of this contender's."""
    if score is None or score.difference is None:
        return ""
    share = 100 / score.value
    told = f"{score.difference * share:+.2f} %"
    if score.difference_low is None or score.difference_high is None:
        return told
    ends = score.difference_low * share, score.difference_high * share
    return f"{told} ({ends[0]:+.2f} to {ends[1]:+.2f})"
