"""What is left to be gained, and how often a policy left the decision to the re-optimiser."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.policies import BASELINE, HINDSIGHT, LOOKAHEAD
from promopilot.experiments.report import words
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.section import Page

Fact = tuple[str, Markup, Markup]
# Policies of which it is asked how much of the look-ahead's gain they reach at a small part of
# its time.
LEARNT = ("replanner_tuned", "ppo", "dqn")


def headroom(page: Page) -> list[Fact]:
    """What was measured of: the gap to looking ahead, hindsight, and decisions left over."""
    return [*_gap(page), *_hindsight(page), *_left_over(page)]


def _gap(page: Page) -> list[Fact]:
    figures, numbers = page.run.simulations["policies"], page.numbers
    ahead = figures.get(LOOKAHEAD, {})
    if "vs_replanner_pct" not in ahead:
        return []
    key = f"simulations:policies.{LOOKAHEAD}.vs_replanner"
    low, high = ahead["vs_replanner_ci95"]
    facts: list[Fact] = [
        (
            tr("What planning the whole rest of a flight adds"),
            numbers.percent(f"{key}_pct", ahead["vs_replanner_pct"], 2),
            Markup(tr("to the {} ({} to {}), at {} ms a decision{}")).format(
                words.policy(BASELINE),
                numbers.percent(f"{key}_ci95.0", low, 2),
                numbers.percent(f"{key}_ci95.1", high, 2),
                numbers.decimal(
                    f"simulations:policies.{LOOKAHEAD}.decision_ms", ahead["decision_ms"], 2
                ),
                ""
                if "gap_closed" in ahead
                else tr("; too little for a share of it to say anything"),
            ),
        )
    ]
    for name in LEARNT:
        row = figures.get(name, {})
        if "gap_closed" in row:
            key = f"simulations:policies.{name}.gap_closed"
            low, high = row["gap_closed_ci95"]
            facts.append(
                (
                    tr("Of that, reached by the {}").format(words.policy(name)),
                    numbers.share(key, row["gap_closed"]),
                    Markup(tr("between {} and {}, at {} ms a decision")).format(
                        numbers.share(f"{key}_ci95.0", low),
                        numbers.share(f"{key}_ci95.1", high),
                        numbers.decimal(
                            f"simulations:policies.{name}.decision_ms", row["decision_ms"], 2
                        ),
                    ),
                )
            )
    return facts


def _hindsight(page: Page) -> list[Fact]:
    name = page.run.simulations["recommended"]
    row = page.run.simulations["policies"][name]
    if "pct_of_clairvoyant" not in row:
        return []
    key = f"simulations:policies.{name}.pct_of_clairvoyant"
    return [
        (
            tr("Of the {}").format(words.policy(HINDSIGHT)),
            page.numbers.percent(key, row["pct_of_clairvoyant"], 1, sign=False),
            Markup(tr("is what the {} brings; the rest nobody could know beforehand")).format(
                words.policy(name)
            ),
        )
    ]


def _left_over(page: Page) -> list[Fact]:
    return [
        (
            tr("Decisions that the {} left to the {}").format(
                words.policy(name), words.policy(BASELINE)
            ),
            page.numbers.share(
                f"simulations:policies.{name}.fallback_share", row["fallback_share"], 1
            ),
            Markup(tr("of all, where a flight left the range of states seen in training")),
        )
        for name, row in page.run.simulations["policies"].items()
        if "fallback_share" in row
    ]
