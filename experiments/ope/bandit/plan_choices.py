"""What a run's plan would choose in logged decisions of its market."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]

from promopilot.envs.blocks.log import shares_of_plan
from promopilot.envs.world_files import load_world
from promopilot.experiments.errors import LogError
from promopilot.experiments.logs import NONE
from promopilot.experiments.ope.arrays import BoolArray, FloatArray, IntArray
from promopilot.experiments.ope.columns import id_column
from promopilot.experiments.plan.judgement import read_expected_impressions
from promopilot.experiments.run_folder import RunFolder


@dataclass(frozen=True)
class Place:
    """Where a part of a log stands, for messages."""

    file: str
    first: int  # row of the file

    def error(self, bad: BoolArray, what: str) -> LogError:
        """An error about the first bad row [m]."""
        return LogError(f"{self.file}, row {self.first + int(np.argmax(bad))}: {what}")


@dataclass(frozen=True)
class PlanChoices:
    """Shares [D, Q, A] of Q pools, the last of the A actions being `none`, and what they mean."""

    run: str  # the folder's name, for messages
    shares: FloatArray
    actions: tuple[str, ...]  # [A]
    dates: tuple[str, ...]  # [D] ISO
    placements: tuple[str, ...]
    segments: tuple[str, ...]
    pool: IntArray  # [placements, segments] number of the pool, -1 where there is none

    @classmethod
    def of(cls, run: Path) -> "PlanChoices":
        """The plan of a finished run.

        Raises:
            RunFolderError: `run` is not the folder of a run.
            LogError: it has no plan yet.
        """
        RunFolder.existing(run)
        if not (run / "plan.csv").is_file():
            raise LogError(f"{run} has no plan.csv yet; finish the run with --resume.")
        world = load_world(run / "market")
        catalog = world.catalog
        pool = np.full((len(catalog.placement_ids), len(catalog.segment_ids)), -1)
        pool[tuple(catalog.pools.T)] = np.arange(len(catalog.pools))
        return cls(
            run=run.name,
            shares=shares_of_plan(world, read_expected_impressions(run, world)),
            actions=(*catalog.promotion_ids, NONE),
            dates=tuple(day.isoformat() for day in world.dates),
            placements=catalog.placement_ids,
            segments=catalog.segment_ids,
            pool=pool.astype(np.int64),
        )

    def choices(self, table: pa.Table, place: Place) -> pa.Table:
        """`decision_id, action, probability` of a part of a log, zeros left out.

        Raises:
            LogError: a day, placement or segment that the plan does not know.
        """
        shares = self.shares[self._days(table, place), self._pools(table, place)]
        shares = self._without(shares, table, place)
        decision = id_column(table, "decision_id", place.file)
        row, action = np.nonzero(shares)
        names = pa.array(self.actions, pa.string())
        return pa.table(
            {
                "decision_id": pa.array(decision[row], pa.string()),
                "action": pa.DictionaryArray.from_arrays(pa.array(action, pa.int32()), names),
                "probability": shares[row, action],
            }
        )

    def _days(self, table: pa.Table, place: Place) -> IntArray:
        """Day of the plan of each decision [m], by date where the log has one."""
        column = dated_by(table)
        text = id_column(table, column, place.file)
        if column == "timestamp":
            day = pd.Index(self.dates).get_indexer(pd.Index([str(one)[:10] for one in text]))
        else:
            day = pd.Index([str(at) for at in range(len(self.dates))]).get_indexer(pd.Index(text))
        if (bad := day < 0).any():
            raise place.error(
                bad,
                f"{column} is {text[np.argmax(bad)]!r}; the plan of {self.run} covers "
                f"{self.dates[0]} to {self.dates[-1]} only, and says nothing of other days.",
            )
        return np.asarray(day, dtype=np.int64)

    def _pools(self, table: pa.Table, place: Place) -> IntArray:
        """Pool of each decision [m]."""
        at = []
        for column, ids in (("x_placement", self.placements), ("x_segment", self.segments)):
            number = pa.types.is_integer(table.column(column).type)
            known = [str(i) for i in range(len(ids))] if number else list(ids)
            text = id_column(table, column, place.file)
            at.append(pd.Index(known).get_indexer(pd.Index(text)))
            if (bad := at[-1] < 0).any():
                raise place.error(
                    bad,
                    f"{column} is {text[np.argmax(bad)]!r}, which the market of {self.run} does "
                    f"not have; it has {', '.join(known[:10])}.",
                )
        pool = self.pool[at[0], at[1]]
        if (bad := pool < 0).any():
            row = int(np.argmax(bad))
            raise place.error(
                bad,
                f"x_placement and x_segment name {self.placements[at[0][row]]} and "
                f"{self.segments[at[1][row]]}, where the market of {self.run} shows nothing.",
            )
        return np.asarray(pool)

    def _without(self, shares: FloatArray, table: pa.Table, place: Place) -> FloatArray:
        """Shares [m, A] with those of what was unavailable given to `none`."""
        if "unavailable" not in table.column_names:
            return shares
        codes, sets = pd.factorize(table.column("unavailable").to_pandas().fillna(""))
        left = np.ones((len(sets), len(self.actions)))
        for at, text in enumerate(sets):
            if not text:
                continue
            gone = _listed(text)
            if gone is None:
                rule = "it must be a JSON list of promotions, or empty."
                raise place.error(codes == at, f"unavailable is {text!r}; {rule}")
            found = pd.Index(self.actions[:-1]).get_indexer(pd.Index(gone))
            left[at, found[found >= 0]] = 0.0
        kept = shares * left[codes]
        kept[:, -1] = np.maximum(1.0 - kept[:, :-1].sum(axis=1), 0.0)
        return np.asarray(kept / kept.sum(axis=1, keepdims=True))


def dated_by(table: pa.Table) -> str:
    """The column that says on which day a decision fell."""
    return "timestamp" if "timestamp" in table.column_names else "x_day"


def _listed(text: str) -> list[str] | None:
    """The texts of a JSON list; None where it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return [str(one) for one in found] if isinstance(found, list) else None
