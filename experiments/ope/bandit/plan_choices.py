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
from promopilot.experiments.ope.arrays import FloatArray, IntArray, TextArray
from promopilot.experiments.ope.columns import id_column
from promopilot.experiments.ope.log_table import Place
from promopilot.experiments.plan.judgement import read_expected_impressions
from promopilot.experiments.run_folder import RunFolder


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
        decision = _texts(table, "decision_id", place)
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
        text = _texts(table, column, place)
        if column == "timestamp":
            day = pd.Index(self.dates).get_indexer(pd.Index([str(one)[:10] for one in text]))
        else:
            day = pd.Index([str(at) for at in range(len(self.dates))]).get_indexer(pd.Index(text))
        covers = (
            f"the plan of {self.run} covers {self.dates[0]} to {self.dates[-1]} only, and says "
            "nothing of other days"
        )
        place.refuse(day < 0, column, text, covers)
        return np.asarray(day, dtype=np.int64)

    def _pools(self, table: pa.Table, place: Place) -> IntArray:
        """Pool of each decision [m]."""
        at, named = [], []
        for column, ids in (("x_placement", self.placements), ("x_segment", self.segments)):
            number = pa.types.is_integer(table.column(column).type)
            known = [str(i) for i in range(len(ids))] if number else list(ids)
            named.append(_texts(table, column, place))
            at.append(pd.Index(known).get_indexer(pd.Index(named[-1])))
            rule = f"the market of {self.run} has {', '.join(known[:10])}"
            place.refuse(at[-1] < 0, column, named[-1], rule)
        pool = self.pool[at[0], at[1]]
        nothing = f"the market of {self.run} shows nothing there to this x_segment"
        place.refuse(pool < 0, "x_placement", named[0], nothing)
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
                rule = "it must be a JSON list of promotions, or empty"
                place.refuse(codes == at, "unavailable", np.asarray(sets)[codes], rule)
                continue
            found = pd.Index(self.actions[:-1]).get_indexer(pd.Index(gone))
            left[at, found[found >= 0]] = 0.0
        kept = shares * left[codes]
        kept[:, -1] = np.maximum(1.0 - kept[:, :-1].sum(axis=1), 0.0)
        return np.asarray(kept / kept.sum(axis=1, keepdims=True))


def dated_by(table: pa.Table) -> str:
    """The column that says on which day a decision fell."""
    return "timestamp" if "timestamp" in table.column_names else "x_day"


def _texts(table: pa.Table, column: str, place: Place) -> TextArray:
    return id_column(table, column, place.name, place.first_row)


def _listed(text: str) -> list[str] | None:
    """The texts of a JSON list; None where it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return [str(one) for one in found] if isinstance(found, list) else None
