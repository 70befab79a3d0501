"""The files of a finished run folder, read once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.experiments.atomic import digest
from promopilot.experiments.backtest.run import AFTERWARDS, BACKTEST
from promopilot.experiments.config import RunConfig, load_config
from promopilot.experiments.dates import Dates, resolve_dates
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.explanations import EXPLANATIONS
from promopilot.experiments.line_items import line_items
from promopilot.experiments.tables import Tables, read_tables
from promopilot.experiments.tables.keys import ITEM

_ID_COLUMNS = ("promotion_id", "promotion_name", "campaign_id", "placement_id", "segment_id")
_TEXT = {name: str for name in (*_ID_COLUMNS, "binding_limit", "plan_id")}
_LONGEST_NAME = 40  # letters of texts that may stand for names


@dataclass(frozen=True)
class FinishedRun:
    """What the stages of a run wrote."""

    path: Path
    config: RunConfig
    tables: Tables
    world: World
    plan: pd.DataFrame  # plan.csv
    summary: pd.DataFrame  # plan_summary.csv by promotion_id, TOTAL the last
    simulations: dict[str, Any]
    plan_value: dict[str, Any]
    scores: dict[str, Any]  # empty where the flight's days are not in the data
    explanations: dict[str, Any]  # empty where the run was made before there were any
    readability: dict[str, Any]  # of the promotions' texts; empty where it was not measured
    ope: dict[str, Any]
    backtest: dict[str, Any]  # empty where the run was made before there were any
    afterwards: dict[str, Any]  # of the flight itself; empty where its days are not in the data
    parameter_sources: dict[str, str]
    seconds: dict[str, float]  # by stage

    @cached_property
    def total(self) -> pd.Series[float]:
        """The row TOTAL of plan_summary.csv."""
        return self.summary.iloc[-1].astype(float)

    @cached_property
    def dates(self) -> Dates:
        """The cut between what is known and the flight."""
        return resolve_dates(self.config, self.tables.performance)

    @cached_property
    def config_digest(self) -> str:
        """SHA-256 of config.yaml."""
        return digest(self.path / "config.yaml")

    @cached_property
    def promotions(self) -> dict[str, str]:
        """What the flight's promotions are called, by id: their name, text or id."""
        return self.called(self.world.catalog.promotion_ids)

    def called(self, promotions: Iterable[str]) -> dict[str, str]:
        """The same of any promotions of the tables."""
        table = self.tables.promotions
        texts = dict(zip(table["promotion_id"], table["text"], strict=True))
        if table["text"].str.strip().str.len().max() > _LONGEST_NAME:
            texts = {}  # they are what ads say: ids are better known
        names = table.set_index("promotion_id")["name"].to_dict() if "name" in table else {}
        given = dict(zip(self.plan["promotion_id"], self.plan["promotion_name"], strict=True))
        return _distinct(
            (i, _first_told(given.get(i), names.get(i), texts.get(i), i)) for i in promotions
        )

    @cached_property
    def placements(self) -> dict[str, str]:
        """Texts of placements by id."""
        table = self.tables.placements
        return _distinct(zip(table["placement_id"], table["text"], strict=True))

    @cached_property
    def segments(self) -> dict[str, str]:
        """Texts of segments by id."""
        table = self.tables.segments
        return _distinct(zip(table["segment_id"], table["text"], strict=True))

    @cached_property
    def first_event(self) -> str:
        """What the first event is called: clicks, unless the data says otherwise."""
        return self.tables.sources.get("first_event_label", "clicks")

    @cached_property
    def second_event(self) -> str:
        """What the second event is called: conversions, unless the data says otherwise."""
        return self.tables.sources.get("second_event_label", "conversions")

    def spend(self, column: str) -> Floats:
        """`planned_budget` or `current_budget` of plan.csv as `[D, L]`."""
        items = line_items(self.world)
        item = items.get_indexer(pd.MultiIndex.from_frame(self.plan[ITEM]))
        day = pd.Index([d.isoformat() for d in self.world.dates]).get_indexer(
            pd.Index(self.plan["date"])
        )
        spend = np.zeros((self.world.days, len(items)))
        spend[day, item] = self.plan[column].to_numpy()
        return spend


def read_run(path: Path) -> FinishedRun:
    """Read a run folder whose stages before the report are finished.

    Raises:
        RunFolderError: A file is missing.
        ConfigError, DataError, MarketError: A file cannot be read.
    """
    try:
        config = load_config(path / "config.yaml")
        plan = pd.read_csv(
            path / "plan.csv", dtype=_TEXT, keep_default_na=False, na_values=_NUMBERS
        )
        summary = pd.read_csv(path / "plan_summary.csv", dtype=_TEXT, keep_default_na=False)
        return FinishedRun(
            path=path,
            config=config,
            tables=read_tables(config.data.folder or path / "data"),
            world=load_world(path / "market"),
            plan=plan,
            summary=summary.set_index("promotion_id"),
            simulations=_json(path / "simulations.json"),
            plan_value=_json(path / "plan_value.json"),
            scores=_json(path / "scores.json").get("test", {}),
            explanations=_json_if_there(path / EXPLANATIONS),
            readability=_readability(path / "predictor" / "predictor.json"),
            ope=_json(path / "ope" / "ope.json"),
            backtest=_json_if_there(path / BACKTEST),
            afterwards=_json_if_there(path / AFTERWARDS),
            parameter_sources=_json(path / "market" / "sources.json"),
            seconds={
                name: float(stage["seconds"])
                for name, stage in _json(path / "stages.json")["stages"].items()
                if name != "report"
            },
        )
    except FileNotFoundError as error:
        missing = Path(error.filename or "a file").name
        raise RunFolderError(
            f"{path} has no {missing} yet; finish the run with `promopilot run … --resume`"
        ) from error


# Columns of plan.csv that may be empty and are numbers; in text columns empty is empty text.
_NUMBERS = {
    name: [""]
    for name in ("change_pct", "max_budget", "expected_roas", "expected_poas", "expected_cpa")
}


def _readability(path: Path) -> dict[str, Any]:
    record = _json_if_there(path).get("record", {})
    found: dict[str, Any] = record.get("readability") or {}
    return found


def _json(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _json_if_there(path: Path) -> dict[str, Any]:
    return _json(path) if path.exists() else {}


def _first_told(*names: object) -> str:
    """The first that is a text and not blank."""
    return next(name.strip() for name in names if isinstance(name, str) and name.strip())


def _distinct(named: Iterable[tuple[object, object]]) -> dict[str, str]:
    """Names by id; where two are called the same, each also shows its id."""
    names = {str(key): str(name) for key, name in named}
    seen = Counter(names.values())
    return {k: n if seen[n] == 1 else f"{n} ({k})" for k, n in names.items()}
