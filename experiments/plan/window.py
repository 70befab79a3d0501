"""The market of another window than the run's own flight, from the run's tables and predictor."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from promopilot.experiments.config import LimitsConfig, RunConfig
from promopilot.experiments.dates import resolve_dates
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.hosting import predictor_host
from promopilot.experiments.tables import read_tables

if TYPE_CHECKING:
    from promopilot.experiments.world_builder import BuiltWorld


def market_of_window(
    run: Path, config: RunConfig, start: date | None, days: int | None
) -> BuiltWorld:
    """Build the market of other dates as the run's own was built, without limits.

    Nothing dated in the window is read but known events. A budget that the config states is scaled
    with the number of days; else it is what the current mix spends over them.

    Args:
        run: A run whose predictor is finished.
        config: The run's.
        start: First day; the run's own where absent.
        days: How many; as many as the run's flight where absent.

    Raises:
        RunFolderError: The window starts before the run's own flight, whose predictor has learnt
            from days that are in it.
        ConfigError: No promotion runs then, or there is no budget.
        MarketError: A number breaks a rule.
    """
    from promopilot.experiments.world_builder import build_world

    read = read_tables(config.data.folder or run / "data")
    own = resolve_dates(config, read.performance)
    start, length = start or own.start, days or config.flight.days
    if start < own.start:
        raise RunFolderError(
            f"--start {start} lies before the run's own flight, which starts on {own.start}: its "
            "predictor has learnt from days of that window; start a new run with `flight.start: "
            f"{start}`"
        )
    last = read.performance["date"].max().date()
    # Days without records between the last one and the window give no supply and no mix.
    gap = max((start - last - timedelta(days=1)).days, 0)
    total = config.budget.total
    if total is not None:
        total = round(total * length / config.flight.days, 2)
    asked = config.model_copy(
        update={
            "flight": config.flight.model_copy(
                update={
                    "start": start,
                    "days": length,
                    "history_days": config.flight.history_days + gap,
                }
            ),
            "budget": config.budget.model_copy(update={"total": total}),
            "limits": LimitsConfig(),
        }
    )
    tables = read.known_on(start)
    with predictor_host(run / "predictor", config) as host:
        return build_world(tables, host, asked, resolve_dates(asked, tables.performance))
