"""What was searched, and how: read by all that tells of a search."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.tuning.space import Domain

RECORD = "search.json"


@dataclass(frozen=True)
class SearchRecord:
    """A search, beside its trials."""

    agent: str  # ppo or dqn
    objective: str  # of the config: net_profit, …
    method: str  # optuna, random or grid
    scheduler: str  # asha, pbt or none
    trials: int  # asked for
    steps: int  # of a whole trial, in flight-days
    key: str  # of all that gains rest on beside a trial's own settings: the market, the version
    domains: tuple[Domain, ...]  # in the order of the file


def save_record(record: SearchRecord, search: Path) -> None:
    """Writes search.json."""
    document = {"promopilot": metadata.version("promopilot"), **asdict(record)}
    write_text_atomic(search / RECORD, json.dumps(document, indent=1) + "\n")


def load_record(search: Path) -> SearchRecord:
    """Reads search.json."""
    document = json.loads((search / RECORD).read_text(encoding="utf-8"))
    del document["promopilot"]
    domains = tuple(
        Domain(one["path"], one["kind"], tuple(one["values"])) for one in document.pop("domains")
    )
    return SearchRecord(**document, domains=domains)
