"""The folder of an update: all its files at once, or none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promopilot.envs.world import World
from promopilot.experiments.atomic import atomic_folder, write_text_atomic
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.plan.export import Plan, write_plan
from promopilot.experiments.plan.platforms.files import PLATFORMS, write_platform_files
from promopilot.experiments.report.language import Language
from promopilot.experiments.update.in_force import LIMITS, InForce
from promopilot.experiments.update.ledger import LEDGER, Ledger, write_ledger

UPDATE, PAGE, PLAN = "update.json", "update.html", "plan.csv"


@dataclass(frozen=True)
class Made:
    """What an update has made."""

    ledger: Ledger  # all that was read so far
    document: dict[str, Any]  # what `update.json` holds
    limits: InForce | None  # where they are not the run's own
    plan: tuple[Plan, World] | None  # of the days that are left, and its market


def write_update(folder: Path, made: Made, file_format: str, language: Language) -> None:
    """Write an update's folder in one step; one that is there is replaced.

    Args:
        folder: Where to.
        made: What is written.
        file_format: `csv`, or one of `PLATFORMS`: bulk files too, in a folder of that name.
        language: Of the page.

    Raises:
        RunFolderError: The folder cannot be written, or holds something else.
        DataError: Bulk files are asked for, and promotions have no campaign.
    """
    from promopilot.experiments.report.update_page import render_update

    _check_ours(folder)
    with atomic_folder(folder) as work:
        write_ledger(made.ledger, work / LEDGER)
        if made.limits is not None:
            write_text_atomic(work / LIMITS, made.limits.text)
        if made.plan is not None:
            plan, world = made.plan
            write_plan(plan, world, work / PLAN)
            if file_format in PLATFORMS:
                write_platform_files(plan.frame, file_format, work / file_format)
        text = json.dumps(made.document, indent=1, allow_nan=False) + "\n"
        write_text_atomic(work / UPDATE, text)
        write_text_atomic(work / PAGE, render_update(made.document, language))


def _check_ours(folder: Path) -> None:
    """What is replaced is an earlier update, and nothing else."""
    if folder.is_dir() and ((folder / UPDATE).is_file() or not any(folder.iterdir())):
        return
    if folder.exists():
        what = "holds other files" if folder.is_dir() else "is a file"
        raise RunFolderError(
            f"{folder} {what}, and an update takes the place of all that is there; choose another "
            "--out"
        )
