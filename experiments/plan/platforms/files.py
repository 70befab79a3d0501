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
from promopilot.experiments.plan.platforms.campaigns import Change, budget_changes, cents_below

README = "README.txt"


@dataclass(frozen=True)
class Platform:
    """How a platform's file of budgets looks."""

    name: str  # for people
    columns: tuple[str, ...]
    # The row of a campaign's id, budget, status, date and currency. Names stay empty: we know
    # campaigns by their ids alone, and another name could rename a campaign.
    row: Callable[[str, str, str, str, str], tuple[str, ...]]
    paused: str  # the status of a campaign that spends nothing, and of one that does so again
    active: str
    least: int  # cents a day; a smaller budget may be refused, and then yesterday's would run on
    overspend: str  # what it may charge beyond a daily budget, as its help pages say


PLATFORMS = {
    "google-ads": Platform(
        "Google Ads",
        (
            *("Action", "Campaign ID", "Campaign", "Budget", "Budget type", "Campaign status"),
            *("Start date", "Currency code"),
        ),
        lambda campaign, budget, status, date, currency: (
            *("Edit", campaign, "", budget, "Daily", status, date, currency),
        ),
        *("Paused", "Enabled", 1),
        "Google Ads may spend up to 2 times a daily budget on a day, and at most 30.4 times the "
        "daily budget in a month.",
    ),
    "meta-ads": Platform(
        "Meta Ads",
        (
            *("Campaign ID", "Campaign Name", "Campaign Daily Budget", "Campaign Status"),
            *("Start date", "Currency code"),
        ),
        lambda campaign, budget, status, date, currency: (
            *(campaign, "", budget, status, date, currency),
        ),
        *("PAUSED", "ACTIVE", 100),
        "Meta Ads may spend more than a daily budget on a day, and evens that out over the week.",
    ),
}


def write_platform_files(
    plan: pd.DataFrame, platform: str, out: Path, warning: str | None = None
) -> list[Path]:
    """Write a plan's budgets as a platform takes them: a file for each date of change.

    Args:
        plan: The contract's table by day and line item.
        platform: One of `PLATFORMS`.
        out: A folder for `<platform>-<date>.csv` and README.txt; made where absent.
        warning: What README.txt begins with, if there is something.

    Returns:
        The files, README.txt the last.

    Raises:
        DataError: Promotions that the plan spends on have no campaign.
        RunFolderError: `out` cannot be written, or holds files of something else.
    """
    told = PLATFORMS[platform]
    changes = budget_changes(plan, told.least)
    currency = str(plan["currency"].iloc[0])
    files = {out / f"{platform}-{one.date}.csv": _text(told, one, currency) for one in changes}
    warned = f"Warning: {warning}.\n\n" if warning else ""
    files[out / README] = warned + _readme(told, plan, changes, currency)
    _check_folder(out, files)
    out.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        write_text_atomic(path, text)
    return list(files)


def _text(platform: Platform, change: Change, currency: str) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(platform.columns)
    rows = zip(change.campaigns, change.cents.tolist(), change.resumes.tolist(), strict=True)
    for campaign, cents, resumes in rows:
        budget = _money(cents) if cents else ""  # platforms take no budget of nothing
        status = "" if cents and not resumes else platform.active if cents else platform.paused
        writer.writerow(platform.row(campaign, budget, status, change.date, currency))
    return file.getvalue()


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _readme(platform: Platform, plan: pd.DataFrame, changes: list[Change], currency: str) -> str:
    below = cents_below(plan, platform.least)
    total = int((plan["planned_budget"] * 100).round().sum()) - below
    first, last = changes[0].date, max(plan["date"])
    paused = sorted(
        {
            campaign
            for one in changes
            for campaign, cents in zip(one.campaigns, one.cents.tolist(), strict=True)
            if cents == 0
        }
    )
    pauses = (
        f"On days without a budget a campaign is paused (status {platform.paused}), and on the "
        f"next day with one it is set to {platform.active}: {', '.join(paused)}. A status that is "
        "empty stays as it is.\n"
        if paused
        else ""
    )
    crumbs = (
        f"Less than {_money(platform.least)} {currency} a day may be refused, and yesterday's "
        f"budget would run on: such days are paused too, and {_money(below)} {currency} of the "
        "plan are not in these files.\n"
        if below
        else ""
    )
    return (
        f"Daily budgets for {platform.name}, {first} to {last}, {_money(total)} {currency} in all "
        f"(plan {plan['plan_id'].iloc[0]}).\n\n"
        "Upload each file on the morning of the date in its name. A budget holds until the "
        f"campaign's next file; after {last} set budgets anew, or pause the campaigns.\n"
        f"{platform.overspend} What is charged on a day may so differ from the plan.\n"
        f"{pauses}{crumbs}"
        "Campaigns are known by their ids; names are left empty so that none is renamed.\n"
        "The columns were not verified with the platform's own importer: look at its preview "
        "before you apply a file.\n"
    )


def _check_folder(out: Path, files: dict[Path, str]) -> None:
    if out.exists() and not out.is_dir():
        raise RunFolderError(f"{out} is a file; a bulk upload is several files: name a folder")
    others = sorted(p.name for p in out.iterdir() if p not in files) if out.is_dir() else []
    if others:
        raise RunFolderError(
            f"{out} holds files that are not of this plan ({others[0]}, …), which might be "
            "uploaded with it; choose a new folder with --out"
        )
