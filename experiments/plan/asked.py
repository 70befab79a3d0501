"""What can be asked of a plan beyond the run's own, and the market that it is made in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import pandas as pd

from promopilot.envs.feasibility import check_limits
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.experiments.config import check_budget, load_config
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.limits.apply import limited
from promopilot.experiments.limits.file import LimitsFile, read_limits
from promopilot.experiments.limits.of_run import unlimited_world
from promopilot.experiments.plan.platforms.files import PLATFORMS
from promopilot.experiments.plan.window import market_of_window

LINE_ITEMS = "line_items.csv"
Format = Literal["csv", "xlsx", "google-ads", "meta-ads"]


@dataclass(frozen=True)
class Asked:
    """What the analyst asks for; what is absent is as in the run."""

    budget: float | None = None  # money for the flight
    start: date | None = None  # first day of another window
    days: int | None = None  # its length
    limits: Path | None = None  # a file, in place of the run's own limits
    by: Literal["day", "week"] = "day"
    level: Literal["line_item", "promotion"] = "line_item"
    format: Format = "csv"
    out: Path | None = None  # a file; a folder for a platform's bulk files

    @property
    def is_own(self) -> bool:
        """Whether it is the plan that the run itself made, seed aside."""
        return self == Asked(out=self.out)

    @property
    def another_window(self) -> bool:
        """Whether other dates than the run's are asked for."""
        return self.start is not None or self.days is not None

    def check(self) -> None:
        """Refuse what cannot be asked, before any work is done.

        Raises:
            ConfigError: The budget is no amount, a bulk file is asked for by week or promotion, a
                file's name says another format, or the limits cannot be read.
            MissingPackageError: A workbook is asked for, and openpyxl is not installed.
        """
        if self.budget is not None:
            check_budget(self.budget, "--budget")
        if self.format in PLATFORMS and (self.by, self.level) != ("day", "line_item"):
            raise ConfigError(
                f"--format {self.format} is by day and campaign: leave out --by and --level"
            )
        if self.format in ("csv", "xlsx") and self.out is not None:
            if (self.out.suffix.lower() == ".xlsx") != (self.format == "xlsx"):
                raise ConfigError(
                    f"--out {self.out} does not go with --format {self.format}: end its name in "
                    f".{self.format}, or change --format"
                )
        if self.format == "xlsx":
            from promopilot.experiments.plan.workbook import require_openpyxl

            require_openpyxl()
        if self.limits is not None:
            read_limits(self.limits)


def market_asked(run: Path, asked: Asked) -> tuple[World, pd.DataFrame]:
    """The market to plan in, and its line items.

    Raises:
        ConfigError: The limits name what the flight has not.
        InfeasibleError: The limits cannot all hold.
        RunFolderError, MarketError, DataError: See `market_of_window`.
    """
    limits = None if asked.limits is None else read_limits(asked.limits)
    if asked.another_window:
        config = load_config(run / "config.yaml")
        built = market_of_window(run, config, asked.start, asked.days)
        world, items = built.world if limits is None else built.unlimited, built.items
    else:
        world = load_world(run / "market") if limits is None else unlimited_world(run)
        items = read_items(run / "market")
    if limits is not None:
        if asked.budget is not None:
            limits = _with_total(limits, asked.budget)
        return limited(world, limits, items["basis"].tolist()), items
    if asked.budget is not None:
        world = world.with_budget(asked.budget)
        check_limits(world)
    return world, items


def read_items(market: Path) -> pd.DataFrame:
    """`market/line_items.csv`, ids as text."""
    return pd.read_csv(market / LINE_ITEMS, dtype=str, keep_default_na=False)


def _with_total(limits: LimitsFile, total: float) -> LimitsFile:
    """The limits with another budget than the file's, if it has one."""
    budget = limits.budget.model_copy(update={"total": total})
    return limits.model_copy(update={"budget": budget})
