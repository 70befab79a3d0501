"""Whether a run's campaigns are those of the platform that a bulk file is for."""

from __future__ import annotations

import json
import re
from pathlib import Path

from promopilot.experiments.config import load_config
from promopilot.experiments.plan.platforms.files import PLATFORMS

# How `data import` begins what it says of the tables that it makes.
_IMPORTED = re.compile(r"Imported from (Google Ads|Meta Ads|Criteo):")


def foreign_campaigns(run: Path, platform: str) -> str | None:
    """A warning where the run's campaign ids are another platform's; None where they may fit.

    Args:
        run: A run folder.
        platform: One of `PLATFORMS`.
    """
    sources = (load_config(run / "config.yaml").data.folder or run / "data") / "sources.json"
    if not sources.is_file():
        return None
    about = json.loads(sources.read_text(encoding="utf-8")).get("about", "")
    found, asked = _IMPORTED.match(str(about)), PLATFORMS[platform].name
    if found is None or found[1] == asked:
        return None
    return (
        f"the data was imported from {found[1]}, so these files name campaigns by ids of "
        f"{found[1]}, which {asked} does not know: choose the --format of the platform that the "
        f"campaigns run on, or write ids of {asked} into campaign_id of promotions.csv and run "
        "again"
    )
