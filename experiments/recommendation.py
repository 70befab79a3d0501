"""Which policy to use, and why: chosen on validation flights, proven on test flights and beyond."""

from __future__ import annotations

from typing import Any

from promopilot.experiments.figures import Figures
from promopilot.experiments.policies import BASELINE

# What the best policy has to show to be recommended over the re-planner, in per cent of the
# re-planner's mean: lower ends of 95 % intervals on test flights, and in every stressed market.
LEAST_GAIN_PCT = 0.5
LEAST_STRESS_PCT = -1.0


def recommend(validation: Figures, test: Figures, stress: dict[str, Figures]) -> tuple[str, str]:
    """The policy to use, and why, in plain words.

    Args:
        validation: `figures` on the flights that choose, of policies that can be used.
        test: `figures` on the flights that report.
        stress: The same in markets that are not as believed, by stress.
    """
    from promopilot.experiments.report import words  # late: it needs the drawing library

    gains = {name: row["vs_replanner_pct"] for name, row in validation.items() if _gain(row)}
    if not gains:
        return BASELINE, "The daily re-optimiser's mean is 0, so that no gain can be given on it."
    best = max(gains, key=lambda name: (gains[name], name == BASELINE))
    if best == BASELINE:
        return BASELINE, "No other policy was better on the validation flights."
    if not _gain(test[best]):
        return BASELINE, "The daily re-optimiser's mean is 0, so that no gain can be given on it."
    shown = (
        f"{_told(test[best])} against the daily re-optimiser on the test flights, which chose "
        "nothing"
    )
    faults = _faults(best, test, stress)
    if faults:
        return BASELINE, (
            f"The best on the validation flights, the {words.policy(best)}, brought {shown}; "
            f"{'; and '.join(faults)}."
        )
    reason = f"Best on the validation flights; {shown}"
    worst = _worst(best, stress)
    if worst is not None:
        name, low = worst
        reason += (
            f"; where the market is not as believed its lower bound is {low:+.2f} % at worst, with "
            f"“{words.stress(name)}”"
        )
    return best, f"{reason}."


def held_back(result: dict[str, Any]) -> dict[str, Any]:
    """What `ope.json` says of a plan, no further than a test: its market failed its backtest."""
    reason = (
        "The market that made the plan failed its backtest: it did not foresee the days before the "
        "flight."
    )
    advice = (
        "Whatever else speaks for the plan, no more than part of the budget should follow it until "
        "a test has shown what it brings."
    )
    verdict = "test_first" if result["verdict"] == "ship" else result["verdict"]
    return result | {"verdict": verdict, "reasons": [*result["reasons"], f"{reason} {advice}"]}


def _faults(best: str, test: Figures, stress: dict[str, Figures]) -> list[str]:
    """Each condition that is not met, and by how much."""
    from promopilot.experiments.report import words

    faults = []
    low = test[best]["vs_replanner_ci95"][0]
    if low < LEAST_GAIN_PCT:
        faults.append(
            f"to be recommended it would need a lower bound of at least {LEAST_GAIN_PCT} %, and "
            f"misses it by {LEAST_GAIN_PCT - low:.2f} points"
        )
    faults += [
        f"with “{words.stress(name)}” no gain can be given"
        for name, rows in stress.items()
        if not _gain(rows[best])
    ]
    lows = {
        name: rows[best]["vs_replanner_ci95"][0]
        for name, rows in stress.items()
        if _gain(rows[best]) and rows[best]["vs_replanner_ci95"][0] < LEAST_STRESS_PCT
    }
    if lows:
        worst, *others = sorted(lows, key=lambda name: lows[name])
        faults.append(
            f"with “{words.stress(worst)}” it brings {_told(stress[worst][best])}, where its lower "
            f"bound may not be below {LEAST_STRESS_PCT} %: it is "
            f"{LEAST_STRESS_PCT - lows[worst]:.2f} points too low{_also(others)}"
        )
    return faults


def _also(others: list[str]) -> str:
    from promopilot.experiments.report import words

    if not others:
        return ""
    named = ", ".join(f"“{words.stress(name)}”" for name in others)
    return f" (too low as well, by less: {named})"


def _worst(best: str, stress: dict[str, Figures]) -> tuple[str, float] | None:
    lows = {name: float(rows[best]["vs_replanner_ci95"][0]) for name, rows in stress.items()}
    name = min(lows, key=lambda each: lows[each], default=None)
    return None if name is None else (name, lows[name])


def _gain(row: dict[str, Any]) -> bool:
    """Whether there is a gain over the re-planner: none where that brings 0."""
    return "vs_replanner_pct" in row


def _told(row: dict[str, Any]) -> str:
    low, high = row["vs_replanner_ci95"]
    return f"{row['vs_replanner_pct']:+.2f} % ({low:+.2f} to {high:+.2f})"
