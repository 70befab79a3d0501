"""How good the predictor is on the packaged retail panel, weeks 46 to 49 and unseen product types.

Seven fits of half a minute each on two cores; every figure is of rows that the fit has not used.
Whether intervals hold differs from month to month more than from line item to line item, so that
four cuts are averaged.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import pandas as pd

from promopilot.experiments.bench.figure import Figure, figure
from promopilot.predictors.contenders import OURS

if TYPE_CHECKING:
    from promopilot.experiments.tables import Tables
    from promopilot.predictors import PredictorSettings, Rows
    from promopilot.predictors.evaluation import Evaluation

FIT_FROM = date(2017, 1, 2)  # Monday of week 2
CHOOSE = timedelta(weeks=4)
# Weeks 25, 29, 33 and 37, from which on rows choose; the five weeks after them are scored.
CUTS = tuple(date(2017, 6, 12) + cut * CHOOSE for cut in range(4))
SEASON = timedelta(weeks=5)
TEST_FROM, END = date(2017, 11, 6), date(2017, 12, 4)  # weeks 46 to 49: the holidays
UNSEEN_SHARE = 0.25  # of product types held out, by the hash of their name
_LARGEST_LOSS = 0.1  # per cent of the best baseline's log-loss, upper end of the difference
_RIVALS = ("one_hot", "tfidf", "frozen")


def measure(
    data: Path | None = None, progress: Callable[[str, float], None] = lambda what, share: None
) -> dict[str, Figure]:
    """Fits up to five days, and once without a quarter of the product types, and scores each fit.

    Args:
        data: tables of the panel; None: they are built from the packaged data.
        progress: told what is done.

    Returns:
        For weeks 46 to 49, the fit choosing on the five weeks before as the demo's does, in per
        cent of the best baseline's log-loss per impression the predictor's difference to it and the
        upper end of its 95 % interval, and what the entire-space term changes; the same against
        TF-IDF for unseen product types in weeks 41 to 49; and how many line items lay inside their
        80 % intervals in the weeks after each cut, promotions seen, and after the last cut of
        unseen product types.

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
        last = CUTS[-1]
        study = partial(_Study, tables, settings, progress=progress)
        before = (TEST_FROM - SEASON, TEST_FROM)
        holidays = study(work / "late", 0.0, before).scored(TEST_FROM, END)
        whole_space = settings.model_copy(update={"entire_space": 1.0})
        other = _Study(tables, whole_space, work / "other", 0.0, before, progress=progress)
        parted = study(work / "parted", UNSEEN_SHARE, (last, last + CHOOSE))
        unseen = parted.scored(last + CHOOSE, END, unseen=True)
        seen = [
            study(work / "cut", 0.0, (cut, cut + CHOOSE)).scored(
                cut + CHOOSE, cut + CHOOSE + SEASON
            )
            for cut in CUTS
        ]
        strangers = parted.scored(last + CHOOSE, last + CHOOSE + SEASON, unseen=True)
        best = min(_RIVALS, key=lambda name: _value(holidays, name))
        return {
            "weeks_46_49_pct": figure(_gap(holidays, best)[0], "%"),
            "weeks_46_49_upper_pct": figure(_gap(holidays, best)[1], "%", at_most=_LARGEST_LOSS),
            "unseen_types_vs_tfidf_pct": figure(_gap(unseen, "tfidf")[0], "%", at_most=0.0),
            "unseen_types_vs_tfidf_upper_pct": figure(_gap(unseen, "tfidf")[1], "%"),
            "entire_space_pct": figure(_change(holidays, other.scored(TEST_FROM, END)), "%"),
            **_coverages("seen", seen),
            **_coverages("unknown_group", [strangers]),
        }


class _Study:
    """A fit on the weeks up to a cut, some product types held out, and scores on later rows.

    Args:
        tables: of the panel.
        settings: of the fit.
        out: where the model goes.
        share: of product types that the fit does not see.
        choosing: first day of the choose part, and the day after its last.
        progress: told what is done.
    """

    def __init__(
        self,
        tables: Tables,
        settings: PredictorSettings,
        out: Path,
        share: float,
        choosing: tuple[date, date],
        progress: Callable[[str, float], None],
    ) -> None:
        from promopilot.predictors import fit
        from promopilot.predictors.splits import hashed_share

        self._tables, self._settings = tables, settings
        groups = tables.promotions.set_index("promotion_id")["group_id"]
        held = {group: hashed_share(group, "bench") < share for group in groups.unique()}
        self._is_unseen = tables.performance["promotion_id"].map(groups).map(held).astype(bool)
        self._predictor = fit(
            self._rows(FIT_FROM, choosing[0], False),
            self._rows(*choosing, False),
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


def _change(found: Evaluation, other: Evaluation) -> float:
    """How much larger another fit's log-loss is, in per cent."""
    losses = [
        float("nan") if score is None else score.value
        for score in (each.figure("ctcvr", OURS, "log_loss") for each in (found, other))
    ]
    return 100 * (losses[1] / losses[0] - 1)


def _coverages(which: str, found: list[Evaluation]) -> dict[str, Figure]:
    """Line items inside their 80 % interval, by stage, in the mean; the goal is 75 to 85 %."""
    shares: dict[str, list[float]] = {}
    for evaluation in found:
        for part in evaluation.coverage:
            if part.which == which:
                shares.setdefault(part.stage, []).append(part.coverage)
    return {
        f"coverage_{stage}_{which}_pct": Figure(
            value=100 * fmean(each), unit="%", goal=80.0, holds=0.75 <= fmean(each) <= 0.85
        )
        for stage, each in shares.items()
    }
