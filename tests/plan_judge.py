"""Whether a plan keeps its limits, told from plan.csv and limits.yaml alone, in exact cents.

Nothing of the product's own reading or checking of limits is used: rules are those of
docs/limits.md, numbers are fractions, and money is whole cents.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pandas as pd

KINDS = ("promotion", "placement", "segment")
DECIMALS = 3  # of expected counts in plan.csv: a target on them is known to half of the last


@dataclass(frozen=True)
class Row:
    """A row of plan.csv."""

    day: str
    ids: dict[str, str]  # by kind
    basis: str
    planned: int  # cents
    current: int  # cents


def exactly(number: float) -> Fraction:
    """A number as it was written, in decimals."""
    return Fraction(repr(number))


def cents(money: float) -> int:
    """Money of plan.csv, which has no more than two decimals."""
    found = exactly(float(money)) * 100
    assert found.denominator == 1, f"{money} is not in whole cents"
    return int(found)


def rows_of(frame: pd.DataFrame) -> list[Row]:
    """Every row of plan.csv."""
    return [
        Row(
            str(row["date"]),
            {kind: str(row[f"{kind}_id"]) for kind in KINDS},
            str(row["basis"]),
            cents(row["planned_budget"]),
            cents(row["current_budget"]),
        )
        for row in frame.to_dict("records")
    ]


def fits(name: str, pattern: str) -> bool:
    """Whether an id is a pattern's; `*` stands at one end or is all, as the sets drawn have it."""
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return name.endswith(pattern[1:]) if pattern.startswith("*") else name == pattern


def selected(row: Row, entry: dict[str, Any]) -> bool:
    """Whether an entry of bounds, locks, groups or blackout means a row."""
    for kind in KINDS:
        patterns = entry.get(f"{kind}s", [entry[kind]] if kind in entry else ["*"])
        if not any(fits(row.ids[kind], pattern) for pattern in patterns):
            return False
    if "line_item" not in entry:
        return True
    parts = entry["line_item"].split("/")
    return all(fits(row.ids[kind], part) for kind, part in zip(KINDS, parts, strict=True))


@dataclass(frozen=True)
class Judge:
    """A plan beside the limits it was made under."""

    frame: pd.DataFrame  # plan.csv
    limits: dict[str, Any]  # content of limits.yaml
    budget: float  # money for the flight where the limits name none
    rows: list[Row]

    @classmethod
    def of(cls, frame: pd.DataFrame, limits: dict[str, Any], budget: float) -> "Judge":
        return cls(frame, limits, budget, rows_of(frame))

    def complaints(self) -> list[str]:
        """A sentence for each limit that the plan breaks."""
        return [*self._hard(self.rows), *self._targets(), *self._small_changes()]

    # ---- limits of money ----

    def _hard(self, rows: list[Row]) -> Iterator[str]:
        """What must hold of any table of money."""
        yield from self._budget(rows)
        for at, entry in enumerate(self.limits.get("bounds", [])):
            yield from self._sums(rows, entry, f"bounds[{at}]")
        for at, entry in enumerate(self.limits.get("groups", [])):
            yield from self._sums(rows, entry, f"groups[{at}]")
        yield from self._locks(rows)
        yield from self._blackout(rows)
        yield from self._exploration(rows)
        yield from self._steps(rows)

    def _budget(self, rows: list[Row]) -> Iterator[str]:
        if any(row.planned < 0 for row in rows):
            yield "an amount is below nothing"
        budget = self.limits.get("budget", {})
        total = budget.get("total") or self.budget
        planned = sum(row.planned for row in rows)
        if "subsidy" in budget.get("covers", []):
            planned += sum(cents(money) for money in self.frame["expected_subsidy"])
        if planned > exactly(total) * 100:
            yield f"budget: {planned} cents of {total}"
        most = (budget.get("per_day") or {}).get("max")
        for day, spent in sums(rows, lambda row: row.day).items():
            if most is not None and spent > exactly(most) * 100:
                yield f"per_day: {spent} cents of {most} on {day}"

    def _sums(self, rows: list[Row], entry: dict[str, Any], name: str) -> Iterator[str]:
        """Minimum, maximum, share and multiples of what is spent now, of a day or of the flight."""
        whole = entry.get("per") == "flight"
        spans: dict[str, list[Row]] = {}
        for row in rows:
            spans.setdefault("the flight" if whole else row.day, []).append(row)
        for span, all_rows in spans.items():
            members = [row for row in all_rows if selected(row, entry)]
            if not members:
                continue  # nothing of it may run
            planned, now = (sum(getattr(m, key) for m in members) for key in ("planned", "current"))
            low, high = entry.get("relative") or (None, None)
            share = entry.get("max_share")
            everything = sum(row.planned for row in all_rows)
            ends = (
                ("min", 100, entry.get("min"), 1),
                ("max", 100, entry.get("max"), -1),
                ("max_share", everything, share, -1),
                ("relative", now, low, 1),
                ("relative", now, high, -1),
            )
            for key, base, end, sign in ends:
                if end is not None and sign * (planned - exactly(end) * base) < 0:
                    yield f"{name}.{key}: {planned} cents against {end} x {base} on {span}"

    def _locks(self, rows: list[Row]) -> Iterator[str]:
        for row in rows:
            if self._locked(row) and row.planned != row.current:
                yield f"locks: {row.planned} cents for {row.current} of {row.ids} on {row.day}"

    def _locked(self, row: Row) -> bool:
        return any(selected(row, entry) for entry in self.limits.get("locks", []))

    def _blackout(self, rows: list[Row]) -> Iterator[str]:
        for entry in self.limits.get("blackout", []):
            days = set(entry.get("dates", []))
            for row in rows:
                off = row.day in days or entry.get("from", "~") <= row.day <= entry.get("to", "")
                if off and selected(row, entry) and row.planned:
                    yield f"blackout: {row.planned} cents for {row.ids} on {row.day}"

    def _exploration(self, rows: list[Row]) -> Iterator[str]:
        """An even part of the share for each line item that is not known, else for each."""
        share = exactly(self.limits.get("exploration") or 0.0)
        unknown = any(row.basis == "prior" for row in rows)
        for day, spent in sums(rows, lambda row: row.day).items():
            todays = [row for row in rows if row.day == day and not self._locked(row)]
            explored = [row for row in todays if not unknown or row.basis == "prior"]
            for row in explored:
                if row.planned < share * spent / len(explored):
                    yield f"exploration: {row.planned} of {spent} cents for {row.ids} on {day}"

    def _steps(self, rows: list[Row]) -> Iterator[str]:
        """Of promotions, but for those that are locked in part."""
        largest = (self.limits.get("step") or {}).get("max_change")
        if largest is None:
            return
        days = sorted({row.day for row in rows})
        locked = {row.ids["promotion"] for row in rows if self._locked(row)}
        spent = sums(rows, lambda row: (row.day, row.ids["promotion"]))
        for promotion in sorted({row.ids["promotion"] for row in rows} - locked):
            of_it = [row for row in rows if row.ids["promotion"] == promotion]
            by_day = {day: [row for row in of_it if row.day == day] for day in days}
            before = sum(row.current for row in by_day[days[0]])
            ran = by_day[days[0]]
            for day in days:
                now = spent.get((day, promotion), 0)
                allowed = exactly(largest) * max(before, self._equal_share(rows, day, len(days)))
                # Down may be what ends: a line item that ran the day before and no longer may.
                running = [row.ids for row in by_day[day]]
                ended = any(row.ids not in running for row in ran)
                if now - before > allowed or (before - now > allowed and not ended):
                    yield f"step: {before} to {now} cents of {promotion} on {day}"
                before, ran = now, by_day[day]

    def _equal_share(self, rows: list[Row], day: str, days: int) -> Fraction:
        """Cents of the day's budget for each promotion that may run on it."""
        budget = self.limits.get("budget", {})
        even = exactly(budget.get("total") or self.budget) * 100 / days
        most = (budget.get("per_day") or {}).get("max")
        even = even if most is None else min(even, exactly(most) * 100)
        return even / len({row.ids["promotion"] for row in rows if row.day == day})

    # ---- what is expected, and what is too small ----

    def _targets(self) -> Iterator[str]:
        targets = self.limits.get("targets", {})
        planned = sum(row.planned for row in self.rows)
        value = sum(cents(money) for money in self.frame["expected_conversion_value"])
        if "roas" in targets and value < exactly(targets["roas"]) * planned:
            yield f"targets.roas: {value} cents of value for {planned} are below {targets['roas']}"
        conversions = float(self.frame["expected_conversions"].sum())
        slack = 0.5 * 10**-DECIMALS * len(self.frame)
        if "cpa" in targets and planned > 100 * targets["cpa"] * (conversions + slack):
            yield f"targets.cpa: {planned} cents for {conversions} are above {targets['cpa']}"

    def _small_changes(self) -> Iterator[str]:
        """A change too small to be made, which could be taken back by itself within all limits."""
        least = (self.limits.get("step") or {}).get("min_change")
        if not least or self.limits.get("targets"):
            return
        for at, row in enumerate(self.rows):
            change = abs(row.planned - row.current)
            if 0 < change < exactly(least) * row.current:
                held = Row(row.day, row.ids, row.basis, row.current, row.current)
                if not any(self._hard([*self.rows[:at], held, *self.rows[at + 1 :]])):
                    yield f"min_change: {row.current} to {row.planned} cents of {row.ids}"


def sums(rows: list[Row], key: Callable[[Row], Any]) -> dict[Any, int]:
    """Planned cents by whatever rows have in common."""
    found: dict[Any, int] = {}
    for row in rows:
        found[key(row)] = found.get(key(row), 0) + row.planned
    return found
