"""Evaluations as text, as `ope` prints them."""

from __future__ import annotations

from typing import Any

from promopilot.experiments.ope.confidence import confidence_text

_NONE = "\N{EN DASH}"


def evaluation_text(result: dict[str, Any]) -> str:
    """A line per estimator, then the verdict, why, and the test to run next."""
    wide = max([9, *(len(_called(row)) for row in result["estimates"])])
    interval = f"{confidence_text(result)} interval"
    lines = [
        f"{'estimator':<{wide}} {'estimate':>11} {interval:>25} {'vs logged':>11} "
        f"{interval:>25} {'usable':>8}"
    ]
    for row in result["estimates"]:
        lines.append(
            f"{_called(row):<{wide}} {_number(row['estimate']):>11} {_ends(row['ci95']):>25} "
            f"{_number(row['diff_vs_logged'], '+'):>11} {_ends(row['diff_ci95'], '+'):>25} "
            f"{row['ess']:>8,.0f}"
        )
    if any(row.get("decides") for row in result["estimates"]):
        lines.append(f"{_MARK}: what the verdict rests on")
    lines.append(f"{result['rows']:,} {_units(result)} logged, {result['logged_value']:.6g} each")
    return "\n".join([*lines, *_verdict_lines(result)])


def candidates_table(selection: dict[str, Any]) -> str:
    """A line per candidate with its gain, whose intervals hold for all of them at once."""
    wide = max([9, *(len(row["policy"]) for row in selection["candidates"])])
    lines = [
        f"{'policy':<{wide}} {'estimate':>11} {'vs logged':>11} {'range, for all at once':>25}  "
        "verdict"
    ]
    for row in selection["candidates"]:
        lines.append(
            f"{row['policy']:<{wide}} {_number(row['estimate']):>11} "
            f"{_number(row['gain'], '+'):>11} {_ends(row['gain_interval'], '+'):>25}  "
            f"{row['verdict']}"
        )
    return "\n".join([*lines, selection["text"]])


_MARK = "*"
_UNITS = {"slate": "list", "sequential": "episode"}


def _units(result: dict[str, Any]) -> str:
    unit = _UNITS.get(result.get("kind", ""), "decision")
    return unit if result["rows"] == 1 else f"{unit}s"


def _verdict_lines(result: dict[str, Any]) -> list[str]:
    lines = [f"verdict: {result['verdict']} ({result['evidence']})"]
    lines += [f"- {reason}" for reason in result["reasons"]]
    if text := result.get("next_test", {}).get("text"):
        lines.append(f"next: {text}")
    return lines


def _called(row: dict[str, Any]) -> str:
    params = ",".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in row["params"].items()
    )
    name = f"{row['estimator']}:{params}" if params else str(row["estimator"])
    return name + _MARK * bool(row.get("decides"))


def _number(value: float | None, sign: str = "") -> str:
    return _NONE if value is None else f"{value:{sign}.5g}"


def _ends(ends: list[float | None] | None, sign: str = "") -> str:
    if ends is None or None in ends:
        return _NONE
    return f"{_number(ends[0], sign)} … {_number(ends[1], sign)}"
