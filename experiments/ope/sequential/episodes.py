"""Rows of a file put together to whole episodes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.arrays import IntArray, TextArray
from promopilot.experiments.ope.columns import FIRST_ROW


@dataclass(frozen=True)
class Episodes:
    """How m rows make n episodes, sorted by id, so that the order of a file changes nothing."""

    order: IntArray  # [m] rows by episode and step
    ids: TextArray  # [n] distinct
    length: IntArray  # [n]
    first: int  # number of the first step: 0 or 1

    @property
    def start(self) -> IntArray:
        """[n] place in `order` of each episode's first row."""
        return np.cumsum(self.length) - self.length


def episodes_of(episode: TextArray, step: IntArray, file: str) -> Episodes:
    """Episodes from the columns `episode_id` and `step` [m].

    Raises:
        LogError: a step that stands there twice or is missing before another, with its row, or
            steps that are counted neither from 0 nor from 1.
    """
    code, ids = pd.factorize(episode, sort=True)
    order = np.lexsort((step, code))
    length = np.bincount(code)
    first = int(step.min())
    if first > 1:
        raise LogError(
            f"{file}: the first step is number {first}; steps are counted from 0, or from 1."
        )
    found = Episodes(order, np.asarray(ids, dtype=object), length.astype(np.int64), first)
    _refuse_gaps(found, episode, step[order], file)
    return found


def _refuse_gaps(found: Episodes, episode: TextArray, step: IntArray, file: str) -> None:
    """Refuses steps [m], sorted, of which one repeats or is missing."""
    wanted = np.append(found.first, step[:-1] + 1)
    wanted[found.start] = found.first
    if not (wrong := step != wanted).any():
        return
    at = int(np.argmax(wrong))
    row = int(found.order[at])
    if step[at] < wanted[at]:
        raise LogError(
            f"{file}, row {row + FIRST_ROW}: episode {episode[row]!r}, step {step[at]} stands "
            "there twice; a step has one row."
        )
    raise LogError(
        f"{file}, row {row + FIRST_ROW}: episode {episode[row]!r} goes on with step {step[at]}, "
        f"but its step {wanted[at]} is missing; an episode needs all of its steps."
    )
