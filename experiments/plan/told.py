"""What a plan does on the whole, in a line or two."""

from __future__ import annotations

import pandas as pd

_WORDS = ("raised", "new", "tested", "lowered", "stopped", "held", "not funded")
_SHOWN = 3  # reasons why nothing changes


def changes(plan: pd.DataFrame) -> dict[str, int]:
    """How many rows are raised, lowered, held and so on; what does not occur is absent."""
    counts = plan["reason"].str.split(": ", n=1).str[0].value_counts()
    return {word: int(counts[word]) for word in _WORDS if word in counts}


def why_unchanged(plan: pd.DataFrame) -> str:
    """Why a plan is the current mix, most frequent reasons first; "" where it is not."""
    if ((plan["planned_budget"] - plan["current_budget"]).abs() >= 0.005).any():
        return ""
    if (plan["policy"] == "current_mix").all():
        return "the current mix itself did best on the flights that choose"
    held = plan.loc[plan["current_budget"] > 0, "reason"].str.split(": ", n=1).str[1]
    if held.empty:
        return "nothing is spent today, and nothing was found that would pay"
    counts = held.value_counts()
    told = [f"{why} ({rows:,} rows)" for why, rows in counts.head(_SHOWN).items()]
    more = len(counts) - len(told)
    return "; ".join(told) + (f"; {more} more reasons" if more > 0 else "")
