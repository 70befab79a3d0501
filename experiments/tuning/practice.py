"""What one trial does, in a process of its own: practise, report each measure, keep the policy."""

from __future__ import annotations

import errno
import math
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promopilot.envs.world import World
from promopilot.experiments.atomic import atomic_folder, write_text_atomic
from promopilot.experiments.config import RunConfig
from promopilot.experiments.errors import RunFolderError, SearchError
from promopilot.experiments.tensorboard import event_files
from promopilot.experiments.trained import place_of, trained
from promopilot.experiments.tuning.space import with_values
from promopilot.experiments.tuning.trial import Measure, folder_of

if TYPE_CHECKING:
    from torch import Tensor

    from promopilot.agents.training.coach import Writer
    from promopilot.predictors.checkpoint import Checkpoint

POINT = "point"  # of Ray Tune's config: what a trial tries
NUMBER = "number"  # in it: which trial it is; the rest are values by path
STATE, POLICY, EVENTS = "state", "policy", "tensorboard"  # in a trial's folder
# What a trial reports. The gain is that of the best measure so far: what would be kept.
GAIN, STEPS, MEASURES = "gain_pct", "steps", "measures"
# How a trial ended: by itself, by an error of its own, or because nothing can be written.
ENDED, ERROR, HALT = "ended", "error", "halt"
# The figures by which a course tells of a measure, in this order.
_HOLDS, _MEASURED = "validation/holds", "validation/gain_pct"
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Search:
    """What all trials have in common; sent to each process once."""

    folder: Path
    config: RunConfig
    key: str  # of the search: states of another are not taken up
    shares: bool  # whether trials go on from each other's networks (pbt)


def practise(config: Mapping[str, Any], *, search: Search, world: World) -> None:
    """A trial as Ray Tune calls it; whatever goes wrong in it is reported, not raised.

    Args:
        config: Number and values under `POINT`.
        search: What the trials have in common.
        world: Where they practise.
    """
    from ray import tune

    values = dict(config[POINT])
    folder = folder_of(search.folder, int(values.pop(NUMBER)))
    report: Report | None = None
    try:
        report = Report(search, folder)
        _learn(with_values(search.config, values), world, folder, report)
    except Exception as error:
        _tell(folder, error)
        kind = HALT if _is_full(error) else ERROR
        figures = _figures(()) if report is None else report.figures()
        tune.report(figures | {kind: _one_line(error)})
    else:
        tune.report(report.figures() | {ENDED: True})


class Report:
    """Hears of measures, keeps the state, and tells Ray Tune.

    The last measure of a full course is told only with the trial's end, when its policy is kept: a
    scheduler may stop a trial at any report.

    Args:
        search: What the trials have in common.
        folder: The trial's.
    """

    def __init__(self, search: Search, folder: Path) -> None:
        from promopilot.predictors.checkpoint import Checkpoint

        self.key, self._shares = search.key, search.shares
        self._length = getattr(search.config.agents, search.config.tune.agent).steps
        self._kept: Checkpoint = Checkpoint(folder / STATE, search.key)
        self._measures: list[Measure] = []
        self._begun, self._earlier, self._holds = time.monotonic(), 0.0, True
        self.writer: Writer | None = None  # TensorBoard's

    def figures(self) -> dict[str, Any]:
        """What is told of a trial."""
        return _figures(self._measures)

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> object:
        """Passes figures on to TensorBoard, and measures to Ray Tune.

        Raises:
            SearchError: A gain is no number.
        """
        from ray import tune

        if self.writer is not None:
            self.writer.add_scalar(tag, scalar_value, global_step)
        if tag == _HOLDS:
            self._holds = bool(scalar_value)
        if tag == _MEASURED:
            if not math.isfinite(scalar_value):
                raise SearchError(f"the gain on the validation flights is {scalar_value}")
            seconds = self._earlier + time.monotonic() - self._begun
            gain = float(scalar_value)
            self._measures.append(Measure(float(global_step), gain, seconds, self._holds))
            if not self._shares and global_step < self._length:
                tune.report(self.figures())
        return None

    def save(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Keeps the state; where trials share theirs, Ray Tune gets it with the measure."""
        from ray import tune

        self._kept.save(tensors, state | {MEASURES: [astuple(one) for one in self._measures]})
        if self._shares and self._measures[-1].steps < self._length:
            with tempfile.TemporaryDirectory() as copy:
                given = _checkpoint(Path(copy), self._kept.key)
                given.save(tensors, state | {MEASURES: [astuple(one) for one in self._measures]})
                tune.report(self.figures(), checkpoint=tune.Checkpoint.from_directory(copy))

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The state that Ray Tune gives, another trial's perhaps; else the one that was kept."""
        from ray import tune

        found = None
        if (given := tune.get_checkpoint()) is not None:
            with given.as_directory() as folder:
                found = _checkpoint(Path(folder), self._kept.key).load()
        found = found or self._kept.load()
        if found is not None:
            self._measures = [Measure(*one) for one in found[1][MEASURES]]
            self._earlier = self._measures[-1].seconds
        return found


def _figures(measures: Sequence[Measure]) -> dict[str, Any]:
    gains = [one.gain_pct for one in measures if one.counts]
    return {
        GAIN: max(gains, default=float("nan")),
        STEPS: measures[-1].steps if measures else 0.0,
        MEASURES: [astuple(one) for one in measures],
    }


def _checkpoint(folder: Path, key: str) -> Checkpoint:
    from promopilot.predictors.checkpoint import Checkpoint

    return Checkpoint(folder / STATE, key)


def _learn(config: RunConfig, world: World, folder: Path, report: Report) -> None:
    from promopilot.experiments.tuning.lessons import known_lessons

    lessons = known_lessons(report.key)
    agent = config.tune.agent
    with event_files(folder / EVENTS) as writer, atomic_folder(folder / POLICY) as out:
        report.writer = writer
        save, _ = trained(agent, world, config, _silent, report, report, lessons)
        place = place_of(agent, out)
        place.mkdir(exist_ok=True)
        save(place, {})


def _silent(what: str, share: float) -> None:
    """The search has a progress of its own."""


def _tell(folder: Path, error: Exception) -> None:
    try:
        write_text_atomic(folder / "error.log", "".join(traceback.format_exception(error)))
    except (OSError, RunFolderError):  # the disk is full: what is reported must do
        return


def _is_full(error: BaseException | None) -> bool:
    """Whether the disk has no room, which is no fault of what was tried."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__
    return False


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
