"""Why a row of the plan changes or does not, in one line each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.experiments.plan.binding import LEAST_KINDS, Binding, Kind
from promopilot.experiments.plan.margins import Margins

# What a limit says of a row that it keeps from more money; `{}` is the limit's name.
_FULL = {
    Kind.LOCK: "locked",
    Kind.MOST: "at its cap",
    Kind.STOCK: "its stock is used up",
    Kind.POOL: "every impression of the placement is used",
    Kind.GROUP_MOST: "at its cap ({})",
    Kind.STEP: "its promotion may not rise faster",
}
# And of one that it keeps from less.
_HELD_UP = {
    Kind.ROOM: "makes room for {}, at its largest share",
    Kind.LEAST: "at its minimum",
    Kind.GROUP_LEAST: "at its minimum ({})",
    Kind.EXPLORATION: "at its share for testing",
    Kind.STEP_DOWN: "its promotion may not fall faster",
}
TOO_SMALL = "the change is too small to matter"
_UNKNOWN = "little is known yet"
_ELSEWHERE = "its money does more on other days"
_CENT = 0.005
_CLEARLY = 0.01  # of a margin: so much less is less


@dataclass(frozen=True)
class Row:
    """What the reason of one row rests on."""

    planned: float  # money
    current: float  # money
    at_planned: float  # marginal return, see `Margins`
    at_current: float
    mix: float  # the same of the day's mix, and of the money that the plan adds that day
    gaining: float
    kind: Kind  # of the limit that binds
    limit: str  # its name
    learnt: bool  # whether its response was learnt from data
    day_gets: float  # money that the whole day gets more than in the current mix


def reason(row: Row, goal: str, charge: float) -> str:
    """One line for one row: what happens to it, a colon, and why.

    Args:
        row: The row.
        goal: What the objective counts, see `Margins`.
        charge: What it charges for a unit of money.
    """
    if row.kind == Kind.LOCK:
        return "held: locked"
    if abs(row.planned - row.current) < _CENT:
        if row.planned < _CENT:
            return f"not funded: {_not_worth_it(row, goal, charge)}"
        return f"held: {_at(row) or TOO_SMALL}"
    if row.planned < _CENT:
        return f"stopped: {_not_worth_it(row, goal, charge)}"
    if row.planned < row.current:
        return f"lowered: {_lowered(row, goal, charge)}"
    if not row.learnt and row.kind == Kind.EXPLORATION:
        return f"tested: {_UNKNOWN}"
    text = f"{'raised' if row.current > 0 else 'new'}: {_raised(row, goal)}"
    return text if row.learnt else f"{text}; {_UNKNOWN}"


def _at(row: Row) -> str:
    """The limit that a row is at; "" for budgets, which are limits of all rows."""
    return (_FULL | _HELD_UP).get(row.kind, "").format(row.limit)


def _not_worth_it(row: Row, goal: str, charge: float) -> str:
    if row.kind in _FULL:
        return _at(row)
    brings = f"its first 1.00 would bring {number(row.at_planned, goal)} {goal}"
    if row.at_planned <= charge:
        return f"{brings}, less than it costs" if charge > 0 else brings
    if _below(row.at_planned, row.gaining):
        return f"{brings}, against {number(row.gaining, goal)} where money goes"
    return (
        f"{brings}; the day budget is used" if row.kind == Kind.DAY else f"{brings}; {_ELSEWHERE}"
    )


def _lowered(row: Row, goal: str, charge: float) -> str:
    if row.kind in _FULL:
        return _at(row)
    at = _at(row)
    if row.at_current <= charge:
        brings = number(row.at_current, goal)
        text = f"its last 1.00 brings {brings} {goal}, less than it costs"
    elif _below(row.at_current, row.gaining):
        lead = number(row.gaining - row.at_current, goal)
        text = f"{lead} less {goal} per 1.00 than where money goes"
    else:
        text = "this day gets less money in all" if row.day_gets < -_CENT else _ELSEWHERE
    return f"{text}; {at}" if at else text


def _raised(row: Row, goal: str) -> str:
    at = _at(row)
    if row.kind in LEAST_KINDS:
        return at
    if row.at_current > row.mix + _CENT:
        lead = number(row.at_current - row.mix, goal)
        text = f"{lead} more {goal} per 1.00 than the mix at the margin"
    elif row.day_gets > _CENT:
        text = "this day gets more money in all"
    else:
        brings = number(row.at_planned, goal)
        text = f"its next 1.00 still brings {brings} {goal}"
    return f"{text}; {at}" if at else text


def _below(margin: float, gaining: float) -> bool:
    """Whether money brings clearly less here than where the plan puts more of it."""
    return margin < gaining * (1 - _CLEARLY)  # false for nan


def number(value: float, goal: str) -> str:
    """A marginal return: money in cents, conversions in three digits; never -0.00."""
    text = f"{value:.3g}" if goal == "conversions" else f"{value:,.2f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def reasons(
    spend: tuple[Floats, Floats],
    found: Margins,
    bound: Binding,
    learnt: np.ndarray,
    at: tuple[Ints, Ints],
) -> list[str]:
    """The reason of every row `[R]`.

    Args:
        spend: Planned and current money `[D, L]`.
        found: What the next unit of money brings.
        bound: The limits that bind.
        learnt: Whether a row's response was learnt from data `[R]`.
        at: Day and line item of each row `[R]`.
    """
    planned, current = spend
    day_gets = (planned - current).sum(axis=1)
    items = (planned, current, found.at_planned, found.at_current)
    days = (found.mix, found.gaining)
    columns = [
        *(values[at] for values in items),
        *(values[at[0]] for values in days),
        *(bound.kind[at], bound.name[at], learnt, day_gets[at[0]]),
    ]
    return [reason(Row(*values), found.goal, found.charge) for values in zip(*columns, strict=True)]
