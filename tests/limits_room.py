"""Whether some plan keeps a set of limits with room to spare, by a linear program of its own.

Rows are those of a plan.csv without limits. Steps, which compare with the larger of two amounts,
are tightened to either of them for all days: what is found feasible is, what is not may be.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linprog

from tests.plan_judge import KINDS, Row, selected

LEAST = 0.5  # money by which every limit must have room: cents are then no excuse


@dataclass
class Rows:
    """Linear limits  matrix x <= high,  with room asked of each."""

    count: int  # variables: money of each row of the plan
    left: list[np.ndarray]
    high: list[float]

    def add(self, row: np.ndarray, high: float) -> None:
        self.left.append(row)
        self.high.append(high)


def money_now(rows: list[Row], limits: dict[str, Any], budget: float) -> list[Row]:
    """Rows that may run, their current money scaled down as design says: to maxima and budgets."""
    kept = []
    for row in rows:
        days = [e for e in limits.get("blackout", []) if selected(row, e)]
        if any(row.day in e.get("dates", ()) or _within(row.day, e) for e in days):
            continue
        own = [
            entry["max"] * 100
            for entry in limits.get("bounds", [])
            if entry.get("line_item", "*").count("*") == 0
            and entry.get("max") is not None
            and entry.get("per") != "flight"
            and selected(row, entry)
        ]
        kept.append(Row(row.day, row.ids, row.basis, 0, min([row.current, *own])))
    given = limits.get("budget", {})
    most = ((given.get("per_day") or {}).get("max") or np.inf) * 100
    total = (given.get("total") or budget) * 100
    by_day = {day: sum(r.current for r in kept if r.day == day) for day in {r.day for r in kept}}
    cut = {day: min(1.0, most / spent) if spent else 1.0 for day, spent in by_day.items()}
    whole = sum(cut[day] * spent for day, spent in by_day.items())
    scale = min(1.0, total / whole) if whole else 1.0
    return [Row(r.day, r.ids, r.basis, 0, r.current * cut[r.day] * scale) for r in kept]  # type: ignore[arg-type]


def _within(day: str, entry: dict[str, Any]) -> bool:
    return bool(entry.get("from", "~") <= day <= entry.get("to", ""))


def has_room(free: list[Row], limits: dict[str, Any], budget: float) -> bool:
    """Whether a plan is sure to exist. Targets, subsidy and small changes are left aside.

    Args:
        free: Rows of a plan without limits.
        limits: Content of limits.yaml.
        budget: Money for the flight where the limits name none.
    """
    rows = money_now(free, limits, budget)
    return any(_room(rows, limits, budget, side) >= LEAST for side in ("share", "before"))


def _room(rows: list[Row], limits: dict[str, Any], budget: float, side: str) -> float:
    """The most room that all limits can have at once, in money; below 0 where there is none."""
    now = np.array([row.current / 100 for row in rows])
    days = sorted({row.day for row in rows})
    locked = _of(rows, lambda row: any(selected(row, e) for e in limits.get("locks", [])))
    found = Rows(len(rows), [], [])
    given = limits.get("budget", {})
    total, most = given.get("total") or budget, (given.get("per_day") or {}).get("max")
    found.add(np.ones(len(rows)), total)
    for day in days:
        today = _of(rows, lambda row, day=day: row.day == day)
        if most is not None:
            found.add(today, most)
        _explore(found, rows, today * (1 - locked), today, limits)
    for entry in [*limits.get("bounds", []), *limits.get("groups", [])]:
        members = _of(rows, lambda row, entry=entry: selected(row, entry))
        spans = [np.ones(len(rows))] if entry.get("per") == "flight" else []
        spans = spans or [_of(rows, lambda row, day=day: row.day == day) for day in days]
        for span in spans:
            if (members * span).any():
                _bound(found, entry, members * span, span, now)
    even = min(total / len(days), np.inf if most is None else most)
    _steps(found, rows, limits, locked, now, even, side)
    # Variables: the rows' money, and the room.
    matrix = np.column_stack([np.array(found.left), np.ones(len(found.left))])
    ends = [(n, n) if fixed else (0, None) for n, fixed in zip(now, locked, strict=True)]
    costs = np.append(np.zeros(len(rows)), -1.0)
    result = linprog(costs, A_ub=matrix, b_ub=found.high, bounds=[*ends, (None, 1e6)])
    return float(result.x[-1]) if result.x is not None else -np.inf


def _of(rows: list[Row], which: Any) -> np.ndarray:
    return np.array([float(which(row)) for row in rows])


def _bound(
    found: Rows, entry: dict[str, Any], members: np.ndarray, span: np.ndarray, now: np.ndarray
) -> None:
    low, high = entry.get("relative") or (None, None)
    if entry.get("min"):
        found.add(-members, -entry["min"])
    if entry.get("max") is not None:
        found.add(members, entry["max"])
    if low:
        found.add(-members, -low * float(members @ now))
    if high is not None:
        found.add(members, high * float(members @ now))
    if entry.get("max_share", 1.0) < 1:
        found.add(members - entry["max_share"] * span, 0.0)


def _explore(
    found: Rows, rows: list[Row], free: np.ndarray, today: np.ndarray, limits: dict[str, Any]
) -> None:
    share = limits.get("exploration") or 0.0
    unknown = _of(rows, lambda row: row.basis == "prior")
    explored = free * unknown if unknown.any() else free
    for at in np.flatnonzero(explored) if share else ():
        row = share / explored.sum() * today
        row[at] -= 1
        found.add(row, 0.0)


def _steps(
    found: Rows,
    rows: list[Row],
    limits: dict[str, Any],
    locked: np.ndarray,
    now: np.ndarray,
    even: float,
    side: str,
) -> None:
    step = (limits.get("step") or {}).get("max_change")
    days = sorted({row.day for row in rows})
    all_items = {tuple(row.ids[kind] for kind in KINDS) for row in rows}
    for promotion in sorted({row.ids["promotion"] for row in rows}) if step is not None else ():
        own = _of(rows, lambda row, p=promotion: row.ids["promotion"] == p)
        if (own * locked).any():
            continue
        ran = {item for item in all_items if item[0] == promotion}
        before = None
        for day in days:
            of_day = _of(rows, lambda row, day=day: row.day == day)
            today = own * of_day
            live = len({row.ids["promotion"] for row in rows if row.day == day})
            running = {
                tuple(r.ids[kind] for kind in KINDS)
                for r in rows
                if r.day == day and r.ids["promotion"] == promotion
            }
            share = even / live
            if before is None:
                start = float(today @ now)
                up, down, change = today, -today, step * max(start, share)
                ends = change + start, change - start
            elif side == "share":
                up, down, ends = today - before, before - today, (step * share, step * share)
            else:
                up, down, ends = today - (1 + step) * before, (1 - step) * before - today, (0, 0)
            found.add(up, ends[0])
            if not ran - running and running:
                found.add(down, ends[1])
            before, ran = today, running
