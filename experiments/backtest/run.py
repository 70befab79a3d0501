"""A run's backtests: one that ends before the flight, and one of the flight itself, afterwards."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from promopilot.envs.errors import MarketError
from promopilot.experiments.backtest.actual import actual_days
from promopilot.experiments.backtest.judge import judge
from promopilot.experiments.backtest.replay import replay
from promopilot.experiments.config import LimitsConfig, RunConfig
from promopilot.experiments.dates import resolve_dates
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.hosting import predictor_host
from promopilot.experiments.parts import parts_before
from promopilot.experiments.progress import Progress
from promopilot.experiments.tables import Tables
from promopilot.experiments.world_builder import build_world

if TYPE_CHECKING:
    from promopilot.predictors import PredictorHost

BACKTEST = "backtest.json"
AFTERWARDS = "afterwards.json"  # the same of the flight, once its days are over
# What is fitted for a backtest needs this many days before it.
_LEAST_DAYS = 42
_NAIVE_DAYS = 28  # before the weeks, whose mean is what a forecast without knowledge says
# What `metrics.json` takes of a backtest.
SCALARS = (
    *("wape", "coverage_80", "days", "wape_by_promotion", "coverage_80_by_day"),
    *("coverage_80_by_promotion", "naive_wape_by_day", "naive_wape_by_promotion", "passes"),
    *("given", "from", "to"),
)


def backtest_metrics(run: Path) -> dict[str, Any]:
    """`metrics.json`'s `backtest`, with that of the flight itself under `flight`; or nothing."""

    def scalars(name: str) -> dict[str, Any]:
        found = (
            json.loads((run / name).read_text(encoding="utf-8")) if (run / name).exists() else {}
        )
        return {key: found[key] for key in SCALARS if key in found}

    before, after = scalars(BACKTEST), scalars(AFTERWARDS)
    return before | ({"flight": after} if after else {})


def foresaw(run: Path) -> bool:
    """Whether the run's market foresaw the days before the flight, or was not asked to."""
    return bool(backtest_metrics(run).get("passes", True))


def backtest_before(
    tables: Tables, config: RunConfig, start: date, work: Path, progress: Progress
) -> dict[str, Any]:
    """Fit predictor and market on what was known some weeks before the flight, and judge them.

    Args:
        tables: The tables with every reading.
        config: The run's config; `backtest.days` weeks before `start` are judged.
        start: First day of the flight; nothing from here on is read.
        work: Folder for the predictor, which may be thrown away afterwards.
        progress: Told what is going on.

    Returns:
        What `judge` says, or `absent` with the reason where the history is too short.
    """
    from promopilot.predictors import fit

    days = config.backtest.days
    known = tables.known_on(start)
    last = min(known.performance["date"].max().date(), start - timedelta(days=1))
    cut = last - timedelta(days=days - 1)
    before = (cut - known.performance["date"].min().date()).days
    if before < _LEAST_DAYS:
        return {
            "absent": f"a backtest of {days} days needs {_LEAST_DAYS} days of history before "
            f"them, and there are {max(before, 0)}"
        }
    then = _as_of(config, start, cut, days)
    earlier = tables.known_on(cut)
    try:
        dates = resolve_dates(then, earlier.performance)
        parts = parts_before(earlier, dates, then)
        fit(parts.fit, parts.choose, then.predictor, work, config.seed, progress)
        with predictor_host(work, config) as host:
            return judged(earlier, known, host, then, cut, config)
    except (ConfigError, MarketError) as error:
        return {"absent": str(error)}


def backtest_after(
    tables: Tables, host: PredictorHost, config: RunConfig, start: date, days: int
) -> dict[str, Any]:
    """Judge the run's own predictor and market on the flight's days, once they are over."""
    return judged(
        tables.known_on(start), tables, host, _as_of(config, start, start, days), start, config
    )


def judged(
    earlier: Tables,
    later: Tables,
    host: PredictorHost,
    then: RunConfig,
    cut: date,
    config: RunConfig,
) -> dict[str, Any]:
    """Build the market of the days from `cut` on, play them, and compare.

    Args:
        earlier: The tables as known at the cut.
        later: Tables that hold the days themselves.
        host: A predictor that was fitted before the cut.
        then: The config whose flight is those days.
        cut: First day judged.
        config: The run's config.
    """
    world = build_world(earlier, host, then, resolve_dates(then, earlier.performance)).world
    actual = actual_days(later.performance, world)
    if actual.conversions.sum() == 0:
        return {"absent": "no conversion of the market's line items was recorded in those days"}
    played = replay(world, actual, config.seed, config.backtest.flights)
    before = earlier.performance
    first = pd.Timestamp(cut - timedelta(days=_NAIVE_DAYS))
    before = before[(before["date"] >= first) & (before["date"] < pd.Timestamp(cut))]
    unit = "spend" if actual.given == "spend" else "impressions"
    before = before.dropna(subset=["conversions", unit])
    given = float(before[unit].sum())
    rate = float(before["conversions"].sum()) / given if given > 0 else 0.0
    return {
        "from": cut.isoformat(),
        "to": world.dates[-1].isoformat(),
        "days": world.days,
        "flights": config.backtest.flights,
        "given": actual.given,
        "share_covered": actual.share_covered,
        **judge(world, actual, played, rate),
    }


def _as_of(config: RunConfig, start: date, cut: date, days: int) -> RunConfig:
    """The run's config as it would have been at the cut, in the panel's own numbers."""
    split = config.split
    if split.choose_from is not None:
        moved = split.choose_from - (start - cut)
        split = split.model_copy(update={"choose_from": moved})
    return config.model_copy(
        update={
            "flight": config.flight.model_copy(update={"start": cut, "days": days}),
            "split": split,
            "budget": config.budget.model_copy(update={"total": 1.0}),
            "limits": LimitsConfig(),  # what was spent then kept to none
            "assumptions": config.assumptions.model_copy(update={"panel_projection": 1.0}),
        }
    )
