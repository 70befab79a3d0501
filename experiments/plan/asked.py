"""What can be asked of a plan beyond the run's own, and the market that it is made in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.experiments.config import check_budget, load_config
from promopilot.experiments.errors import ConfigError, RunFolderError
from promopilot.experiments.limits.apply import limited
from promopilot.experiments.limits.file import LimitsFile, read_limits
from promopilot.experiments.limits.of_run import own_limits, unlimited_world
from promopilot.experiments.limits.scaled import scaled, speaks_of_flight
from promopilot.experiments.plan.platforms.files import PLATFORMS
from promopilot.experiments.plan.window import market_of_window
from promopilot.experiments.simulation import read_simulations

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
    def another_market(self) -> bool:
        """Whether anything but the run's own flight, budget and limits is asked for."""
        return self.another_window or self.budget is not None or self.limits is not None

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


@dataclass(frozen=True)
class Market:
    """The market to plan in."""

    world: World
    items: pd.DataFrame  # L rows of `market/line_items.csv`
    notes: tuple[str, ...] = ()  # what an analyst should know of its limits


def market_asked(run: Path, asked: Asked) -> Market:
    """The market to plan in.

    Limits are those of the file that is asked for, else the run's own as it keeps them. Of the
    latter, amounts over the flight are scaled to the days of another window.

    Raises:
        ConfigError: The limits name what the flight has not.
        InfeasibleError: The limits cannot all hold.
        RunFolderError, MarketError, DataError: See `market_of_window`.
    """
    own = run / "market"
    if not asked.another_market:
        return Market(load_world(own), read_items(own))
    limits = own_limits(run) if asked.limits is None else read_limits(asked.limits)
    world, items, notes = unlimited_world(run), read_items(own), []
    if asked.another_window:
        built = market_of_window(run, load_config(run / "config.yaml"), asked.start, asked.days)
        if asked.limits is None and limits is not None and built.world.days != world.days:
            notes += [_scaling(built.world.days, world.days)] if speaks_of_flight(limits) else []
            limits = scaled(limits, built.world.days / world.days)
        world, items = built.world, built.items
    if limits is None:
        limits = LimitsFile()
    elif limits.says_nothing:
        notes.append(f"{limits.source} limits nothing: it has no entries")
    if asked.budget is not None:
        limits = _with_total(limits, asked.budget)
    return Market(limited(world, limits, items["basis"].tolist()), items, tuple(notes))


def finished(run: Path) -> dict[str, Any]:
    """The run's comparison of policies.

    Raises:
        RunFolderError: It has not got as far as that.
    """
    try:
        return read_simulations(run)
    except FileNotFoundError as error:
        raise RunFolderError(
            f"{run} has no comparison of policies yet; finish it with `promopilot run … --resume`"
        ) from error


def _scaling(days: int, own: int) -> str:
    return (
        f"amounts over the flight in the run's limits are for {own} days, and were taken times "
        f"{days}/{own}; give a file with --limits to set them yourself"
    )


def read_items(market: Path) -> pd.DataFrame:
    """`market/line_items.csv`, ids as text."""
    return pd.read_csv(market / LINE_ITEMS, dtype=str, keep_default_na=False)


def _with_total(limits: LimitsFile, total: float) -> LimitsFile:
    """The limits with another budget than the file's, if it has one."""
    budget = limits.budget.model_copy(update={"total": total})
    return limits.model_copy(update={"budget": budget})
