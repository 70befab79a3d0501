"""One offline evaluation as a page shows it: the content of an `ope.json` and how to write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from promopilot.experiments.ope.confidence import confidence_text
from promopilot.experiments.report import evaluation_words
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.numbers import Numbers, percent_sign
from promopilot.experiments.report.rewards import Rewards

DECIDES = later(" (decides)")  # behind the name of the estimate that the verdict rests on


def has_range(row: Mapping[str, Any]) -> bool:
    """Whether an estimate has an interval."""
    return None not in row["ci95"]


def has_own_range(row: Mapping[str, Any]) -> bool:
    """Whether an estimate has an interval of its own, not another's stretched to hold it."""
    return has_range(row) and not row.get("interval_from")


@dataclass(frozen=True)
class Evaluation:
    """What the sections about one policy are made from."""

    ope: dict[str, Any]  # the content of ope.json
    numbers: Numbers
    rewards: Rewards
    policy: str  # what is judged, in a sentence
    file: str = "ope"  # before the colon of a figure's key; see `numbers.marked`
    id: str = ""  # before the ids of its charts

    @property
    def unit(self) -> str:
        """What is decided at once: a decision, a list or an episode."""
        return evaluation_words.unit(self.ope.get("kind", "bandit"))

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
    def sure(self) -> str:
        """The confidence of its intervals in per cent, as `95 %`."""
        return confidence_text(self.ope).replace(" %", percent_sign())

    @property
    def defined(self) -> list[tuple[int, dict[str, Any]]]:
        """Estimates that have a value, with their place in the file."""
        rows = enumerate(self.ope["estimates"])
        return [(at, row) for at, row in rows if row["estimate"] is not None]

    @property
    def deciding(self) -> tuple[int, dict[str, Any]] | None:
        """The estimate that the verdict rests on, with its place, where it and its gain are."""
        wanted = (self.seen.get("agreement") or {}).get("first")
        rows = [pair for pair in self.defined if None not in pair[1]["diff_ci95"]]
        marked = [pair for pair in rows if pair[1].get("decides")]
        named = [pair for pair in rows if pair[1]["estimator"] == wanted]
        return next(iter(marked or named), None)

    def titled(self, row: dict[str, Any]) -> str:
        """As `called`, with a mark on the estimate that the verdict rests on."""
        decides = self.deciding is not None and self.deciding[1] is row
        return f"{self.called(row)}{tr(DECIDES) if decides else ''}"

    def called(self, row: dict[str, Any]) -> str:
        """Plain name of an estimate; with its setting where one way stands there more than once."""
        name = evaluation_words.estimator(row["estimator"])
        alike = [r for r in self.ope["estimates"] if r["estimator"] == row["estimator"]]
        given = ", ".join(
            f"{value:.4g}" if isinstance(value, float) else str(value)
            for value in row["params"].values()
        )
        return tr("{}, set to {}").format(name, given) if len(alike) > 1 and given else name
