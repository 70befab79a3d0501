"""How good the predictor is on the packaged retail panel, weeks 46 to 49 and unseen product types.

Two fits of several minutes each on two cores; every figure is of rows that the fit has not used.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from promopilot.experiments.bench.figure import Figure, figure

if TYPE_CHECKING:
    from promopilot.experiments.tables import Tables
    from promopilot.predictors import PredictorSettings, Rows
    from promopilot.predictors.evaluation import Evaluation

FIT_FROM, CHOOSE_FROM, SEASON_FROM, TEST_FROM, END = (
    date(2017, 1, 2),  # Monday of week 2
    date(2017, 9, 4),  # week 37
    date(2017, 10, 2),  # week 41: the weeks before the holidays
    date(2017, 11, 6),  # week 46: the holidays
    date(2017, 12, 4),
)
UNSEEN_SHARE = 0.25  # of product types held out, by the hash of their name
_LARGEST_LOSS = 0.1  # per cent of the best baseline's log-loss, upper end of the difference
_RIVALS = ("one_hot", "tfidf", "frozen")


def measure(
    data: Path | None = None, progress: Callable[[str, float], None] = lambda what, share: None
) -> dict[str, Figure]:
    """Fits twice, with all product types and without a quarter of them, and scores both.

    Args:
        data: tables of the panel; None: they are built from the packaged data.
        progress: told what is done.

    Returns:
        For weeks 46 to 49, in per cent of the best baseline's log-loss per impression, the
        predictor's difference to it and the upper end of its 95 % interval; the same against
        TF-IDF for unseen product types in weeks 41 to 49; and how many line items lay inside their
        80 % intervals in weeks 41 to 45, promotions seen and unseen.

    Raises:
        MissingPackageError: the packaged model or data is not installed.
    """
    from promopilot.experiments.tables import read_tables
    from promopilot.predictors import PredictorSettings

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if data is None:
            from promopilot.experiments.config import RunConfig
            from promopilot.experiments.sources.complete_journey import build

            data = work / "data"
            build(data, RunConfig().data.complete_journey, progress)
        tables, settings = read_tables(data), PredictorSettings()
        whole = _Study(tables, settings, work / "whole", 0.0, progress)
        parted = _Study(tables, settings, work / "parted", UNSEEN_SHARE, progress)
        holidays = whole.scored(TEST_FROM, END)
        unseen = parted.scored(SEASON_FROM, END, unseen=True)
        best = min(_RIVALS, key=lambda name: _value(holidays, name))
        return {
            "weeks_46_49_pct": figure(_gap(holidays, best)[0], "%"),
            "weeks_46_49_upper_pct": figure(_gap(holidays, best)[1], "%", at_most=_LARGEST_LOSS),
            "unseen_types_vs_tfidf_pct": figure(_gap(unseen, "tfidf")[0], "%", at_most=0.0),
            "unseen_types_vs_tfidf_upper_pct": figure(_gap(unseen, "tfidf")[1], "%"),
            **_coverages("seen", whole.scored(SEASON_FROM, TEST_FROM)),
            **_coverages("unknown_group", parted.scored(SEASON_FROM, TEST_FROM, unseen=True)),
        }


class _Study:
    """A fit on weeks 2 to 40, some product types held out, and scores on later rows.

    Args:
        tables: of the panel.
        settings: of the fit.
        out: where the model goes.
        share: of product types that the fit does not see.
        progress: told what is done.
    """

    def __init__(
        self,
        tables: Tables,
        settings: PredictorSettings,
        out: Path,
        share: float,
        progress: Callable[[str, float], None],
    ) -> None:
        from promopilot.predictors import fit
        from promopilot.predictors.splits import hashed_share

        self._tables, self._settings = tables, settings
        groups = tables.promotions.set_index("promotion_id")["group_id"]
        held = {group: hashed_share(group, "bench") < share for group in groups.unique()}
        self._is_unseen = tables.performance["promotion_id"].map(groups).map(held).astype(bool)
        self._predictor = fit(
            self._rows(FIT_FROM, CHOOSE_FROM, False),
            self._rows(CHOOSE_FROM, SEASON_FROM, False),
            settings,
            out,
            0,
            progress,
        )

    def scored(self, first: date, end: date, *, unseen: bool = False) -> Evaluation:
        """Scores of the days from `first` up to `end`, of product types seen or unseen."""
        from promopilot.predictors.evaluation import assess

        return assess(self._predictor, self._rows(first, end, unseen), by_slice=False)

    def _rows(self, first: date, end: date, unseen: bool) -> Rows:
        from promopilot.predictors import rows_from_tables

        days = self._tables.performance["date"]
        chosen = (days >= pd.Timestamp(first)) & (days < pd.Timestamp(end))
        chosen &= self._is_unseen if unseen else ~self._is_unseen
        return rows_from_tables(
            self._tables.promotions,
            self._tables.placements,
            self._tables.segments,
            self._tables.performance[chosen],
            self._settings,
        )


def _value(found: Evaluation, name: str) -> float:
    score = found.figure("ctcvr", name, "log_loss")
    return float("nan") if score is None else score.value


def _gap(found: Evaluation, name: str) -> tuple[float, float]:
    """The predictor's log-loss less a contender's and its upper end, in per cent of the latter."""
    score = found.figure("ctcvr", name, "log_loss")
    if score is None or score.difference is None or score.difference_high is None:
        return float("nan"), float("nan")
    return 100 * score.difference / score.value, 100 * score.difference_high / score.value


def _coverages(which: str, found: Evaluation) -> dict[str, Figure]:
    """Line items inside their 80 % interval, by stage; the goal is 75 to 85 %."""
    return {
        f"coverage_{part.stage}_{which}_pct": Figure(
            value=100 * part.coverage, unit="%", goal=80.0, holds=0.75 <= part.coverage <= 0.85
        )
        for part in found.coverage
        if part.which == which
    }
