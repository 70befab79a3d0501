"""One offline evaluation as a page shows it: the content of an `ope.json` and how to write it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.numbers import Numbers
from promopilot.experiments.report.rewards import Rewards


@dataclass(frozen=True)
class Evaluation:
    """What the sections about one policy are made from."""

    ope: dict[str, Any]  # the content of ope.json
    numbers: Numbers
    rewards: Rewards
    policy: str = "the policy"  # what is judged, in a sentence
    file: str = "ope"  # before the colon of a figure's key; see `numbers.marked`
    id: str = ""  # before the ids of its charts

    @property
    def unit(self) -> str:
        """What is decided at once: a decision, a list or an episode."""
        return words.UNITS.get(self.ope.get("kind", "bandit"), "decision")

    @property
    def seen(self) -> dict[str, Any]:
        """The diagnostics; empty where there were none."""
        found: dict[str, Any] = self.ope["diagnostics"]
        return found

    def key(self, path: str) -> str:
        """Where a figure is: `path` in ope.json."""
        return f"{self.file}:{path}"

    def reward(self, path: str, value: float | None, *, sign: bool = False) -> Markup:
        """A figure of ope.json that is a reward."""
        return self.rewards.show(self.key(path), value, sign=sign)

    def share(self, path: str, value: float, decimals: int = 0) -> Markup:
        """A figure of ope.json that is a share."""
        return self.numbers.share(self.key(path), value, decimals)

    def count(self, path: str, value: float) -> Markup:
        """A figure of ope.json that is a number of things."""
        return self.numbers.count(self.key(path), value)

    @property
    def defined(self) -> list[tuple[int, dict[str, Any]]]:
        """Estimates that have a value and an interval, with their place in the file."""
        return [
            (at, row)
            for at, row in enumerate(self.ope["estimates"])
            if row["estimate"] is not None and None not in row["ci95"]
        ]

    def called(self, row: dict[str, Any]) -> str:
        """Plain name of an estimate; with its setting where one way stands there more than once."""
        name = words.estimator(row["estimator"])
        alike = [r for r in self.ope["estimates"] if r["estimator"] == row["estimator"]]
        given = ", ".join(
            f"{value:.4g}" if isinstance(value, float) else str(value)
            for value in row["params"].values()
        )
        return f"{name}, set to {given}" if len(alike) > 1 and given else name
