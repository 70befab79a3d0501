"""What a check found, for a person and for a program."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from promopilot.experiments.errors import Problem
from promopilot.experiments.tables.check import Report

SHOWN = 20  # kinds of problems told to a person
LISTED = 10_000  # problems given to a program; a file with more is broken throughout


def summary_of(report: Report) -> dict[str, Any]:
    """The keys of `data check --json`: one object per problem and warning, notes as sentences."""
    return {
        "ok": not report.problems,
        "problem_count": len(report.problems),  # of which at most `LISTED` are listed
        "problems": [asdict(problem) for problem in report.problems[:LISTED]],
        "warnings": [warning.summary() for warning in report.warnings],
        "notes": list(report.notes),
        "rows": dict(report.rows),
    }


def sentences_of(report: Report) -> list[str]:
    """A line per kind of problem, per warning and per note."""
    kinds = _kinds(report.problems)
    lines = [f"problem: {kind}" for kind in kinds[:SHOWN]]
    if len(kinds) > SHOWN:
        lines.append(f"and {len(kinds) - SHOWN:,} more kinds of problems; --json or --out has them")
    lines += [f"warning: {warning}" for warning in report.warnings]
    return lines + [f"note: {note}" for note in report.notes]


def verdict_of(report: Report) -> str:
    """How many problems and warnings there are, after the name of the folder."""
    problems, warnings = len(report.problems), len(report.warnings)
    if not problems and not warnings:
        return "is fine"
    found = [_count(problems, "problem")] if problems else ["no problem"]
    return "has " + " and ".join([*found, *([_count(warnings, "warning")] if warnings else [])])


def _kinds(problems: list[Problem]) -> list[str]:
    """The first problem of each kind, and how many rows are like it."""
    first: dict[tuple[str, str | None, str], Problem] = {}
    times: dict[tuple[str, str | None, str], int] = {}
    for problem in problems:
        kind = (problem.file, problem.column, problem.rule)
        first.setdefault(kind, problem)
        times[kind] = times.get(kind, 0) + 1
    return [
        f"{problem}"
        + (f" (and {_count(times[kind] - 1, 'more row')} like it)" if times[kind] > 1 else "")
        for kind, problem in first.items()
    ]


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}" + ("s" if number != 1 else "")
