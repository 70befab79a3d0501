"""Policies side by side as text, as `simulate` prints them."""

from __future__ import annotations

from typing import Any

_Rows = dict[str, dict[str, Any]]
_NONE = "\N{EN DASH}"


def policy_table(policies: _Rows) -> str:
    """A line for each policy: value and gain with their intervals, time, and share left over.

    `fell back` is the share of decisions that a policy left to the re-planner, where it may.
    """
    from promopilot.experiments.report import words  # late: it needs the drawing library

    lines = [
        f"{'policy':<18} {'flights':>7} {'value':>14} {'95 % interval':>29} "
        f"{'vs replanner':>12} {'95 % interval':>21} {'ms':>9} {'fell back':>9}  also called"
    ]
    for name, row in policies.items():
        value = " … ".join(f"{end:,.2f}" for end in row["value_ci95"]) if "flights" in row else ""
        left = f"{100 * row['fallback_share']:.1f} %" if "fallback_share" in row else _NONE
        lines.append(
            f"{name:<18} {row.get('flights', _NONE):>7} {row['value_mean']:>14,.2f} "
            f"{value or _NONE:>29} {_gain(row):>12} {_interval(row):>21} "
            f"{row.get('decision_ms', _NONE):>9} {left:>9}  {words.policy(name)}"
        )
    return "\n".join(lines)


def stress_table(stress: dict[str, _Rows]) -> str:
    """A paragraph for each market that is not as believed: what it is, and a line per policy."""
    from promopilot.experiments.report import words

    lines = ["\nThe same policies where the market is not as they believe"]
    for stressed, rows in stress.items():
        plain, meaning = words.STRESSES[stressed]
        lines += [
            f"\n{plain} ({stressed}): {meaning}",
            f"{'policy':<18} {'flights':>7} {'value':>14} {'vs replanner':>12} "
            f"{'95 % interval':>21}",
        ]
        for name, row in rows.items():
            lines.append(
                f"{name:<18} {row['flights']:>7} {row['value_mean']:>14,.2f} "
                f"{_gain(row):>12} {_interval(row):>21}"
            )
    return "\n".join(lines)


def _gain(row: dict[str, Any]) -> str:
    return f"{row['vs_replanner_pct']:+.2f} %" if "vs_replanner_pct" in row else _NONE


def _interval(row: dict[str, Any]) -> str:
    if "vs_replanner_ci95" not in row:
        return _NONE
    low, high = row["vs_replanner_ci95"]
    return f"{low:+.2f} … {high:+.2f} %"
