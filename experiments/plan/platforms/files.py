"""The bulk files of Google Ads and Meta Ads: budgets only, one file for each date of change."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.plan.platforms.campaigns import Change, budget_changes

README = "README.txt"


@dataclass(frozen=True)
class Platform:
    """How a platform's file of budgets looks."""

    name: str  # for people
    columns: tuple[str, ...]
    # The row of a campaign's id, budget, date and currency. Names stay empty: we know campaigns
    # by their ids alone, and another name could rename a campaign.
    row: Callable[[str, str, str, str], tuple[str, ...]]
    overspend: str  # what it may charge beyond a daily budget, as its help pages say


PLATFORMS = {
    "google-ads": Platform(
        "Google Ads",
        (
            *("Action", "Campaign ID", "Campaign", "Budget", "Budget type", "Start date"),
            "Currency code",
        ),
        lambda campaign, budget, date, currency: (
            *("Edit", campaign, "", budget, "Daily", date, currency),
        ),
        "Google Ads may spend up to 2 times a daily budget on a day, and at most 30.4 times the "
        "daily budget in a month.",
    ),
    "meta-ads": Platform(
        "Meta Ads",
        ("Campaign ID", "Campaign Name", "Campaign Daily Budget", "Start date", "Currency code"),
        lambda campaign, budget, date, currency: (campaign, "", budget, date, currency),
        "Meta Ads may spend more than a daily budget on a day, and evens that out over the week.",
    ),
}


def write_platform_files(plan: pd.DataFrame, platform: str, out: Path) -> list[Path]:
    """Write a plan's budgets as a platform takes them: a file for each date of change.

    Args:
        plan: The contract's table by day and line item.
        platform: One of `PLATFORMS`.
        out: A folder for `<platform>-<date>.csv` and README.txt; made where absent.

    Returns:
        The files, README.txt the last.

    Raises:
        DataError: Promotions that the plan spends on have no campaign.
        RunFolderError: `out` cannot be written, or holds files of something else.
    """
    told = PLATFORMS[platform]
    changes = budget_changes(plan)
    currency = str(plan["currency"].iloc[0])
    files = {out / f"{platform}-{one.date}.csv": _text(told, one, currency) for one in changes}
    files[out / README] = _readme(told, plan, changes, currency)
    _check_folder(out, files)
    out.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        write_text_atomic(path, text)
    return list(files)


def _text(platform: Platform, change: Change, currency: str) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(platform.columns)
    for campaign, cents in zip(change.campaigns, change.cents.tolist(), strict=True):
        writer.writerow(platform.row(campaign, _money(cents), change.date, currency))
    return file.getvalue()


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _readme(platform: Platform, plan: pd.DataFrame, changes: list[Change], currency: str) -> str:
    total = int((plan["planned_budget"] * 100).round().sum())
    first, last = changes[0].date, max(plan["date"])
    paused = sorted({c for one in changes for c, n in zip(*_of(one), strict=True) if n == 0})
    zeros = (
        f"A budget of 0.00 means: pause the campaign on that date ({', '.join(paused)}); platforms "
        "may not take 0 as a budget.\n"
        if paused
        else ""
    )
    return (
        f"Daily budgets for {platform.name}, {first} to {last}, {_money(total)} {currency} in all "
        f"(plan {plan['plan_id'].iloc[0]}).\n\n"
        "Upload each file on the morning of the date in its name. A budget holds until the "
        f"campaign's next file; after {last} set budgets anew, or pause the campaigns.\n"
        f"{platform.overspend} What is charged on a day may so differ from the plan.\n"
        f"{zeros}"
        "Campaigns are known by their ids; names are left empty so that none is renamed.\n"
        "The columns were not verified with the platform's own importer: look at its preview "
        "before you apply a file.\n"
    )


def _of(change: Change) -> tuple[tuple[str, ...], list[int]]:
    return change.campaigns, change.cents.tolist()


def _check_folder(out: Path, files: dict[Path, str]) -> None:
    if out.exists() and not out.is_dir():
        raise RunFolderError(f"{out} is a file; a bulk upload is several files: name a folder")
    others = sorted(p.name for p in out.iterdir() if p not in files) if out.is_dir() else []
    if others:
        raise RunFolderError(
            f"{out} holds files that are not of this plan ({others[0]}, …), which might be "
            "uploaded with it; choose a new folder with --out"
        )
