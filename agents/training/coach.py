"""The course of training: measures on validation flights, keeps the best, stops, and can go on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor, nn

from promopilot.agents.rollout import Progress
from promopilot.agents.training.snapshot import restore, snapshot


@contextmanager
def one_thread() -> Iterator[None]:
    """Layers this small are slower on two torch threads than on one (13.6 s against 10.3 s)."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Keep(Protocol):
    """Where the state of a course is kept, so that a killed one can go on."""

    def save(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Replace what is kept."""
        ...

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """What was kept; None where there is nothing."""
        ...


class Flights(Protocol):
    """An environment whose training can go on at the start of its flights."""

    def between(self) -> bool:
        """Whether flights have just been started."""
        ...

    def state(self) -> dict[str, Any]:
        """All that decides how training goes on from there, for JSON."""
        ...

    def go_on(self, state: dict[str, Any]) -> np.ndarray:
        """Start the flights that `state` was taken at, and observe them."""
        ...


class Lengths(Protocol):
    """How long a course is, and when it is measured."""

    @property
    def steps(self) -> int:
        """Of the whole course."""
        ...

    @property
    def evaluate_every(self) -> int:
        """Steps between measures."""
        ...

    @property
    def patience(self) -> int:
        """Measures without a better one after which training stops."""
        ...


class Writer(Protocol):
    """Takes figures; tensorboardX's SummaryWriter is one."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> object:
        """Write one figure."""
        ...


@dataclass(frozen=True)
class Measured:
    """What a network did on validation flights."""

    gain_pct: float  # over the re-planner, in what is aimed at
    holds: bool = True  # whether a target is kept


@dataclass
class Course:
    """What a course did.

    `stopped` says how it ended: `done`, `early` (nothing better for `patience` measures) or
    `diverged` (weights that are no numbers any longer).
    """

    history: list[dict[str, float]] = field(default_factory=list)  # steps, gain_pct
    best: int = 0  # index into `history`
    stopped: str = "done"


class Coach(BaseCallback):
    """Measures every so often, and keeps the best network's weights.

    The fresh network, which decides as the re-planner, competes too. The best is the one of highest
    gain among those that keep the target, if there is one; while none keeps it, the last measured.

    Args:
        network: What is trained and measured, a part of the model.
        measure: Plays validation flights.
        env: What is trained on.
        settings: How long the course is, and when it is measured.
        progress: Told the last gain and the share done.
        keep: Where the course is kept at each measure, if anywhere.
        writer: Told figures by step, if anybody is.
        rival: Whom gains are measured against.
    """

    def __init__(
        self,
        network: nn.Module,
        measure: Callable[[], Measured],
        env: Flights,
        settings: Lengths,
        progress: Progress,
        keep: Keep | None = None,
        writer: Writer | None = None,
        rival: str = "the re-planner",
    ) -> None:
        super().__init__()
        self.course = Course()
        self._network, self._measure, self._env = network, measure, env
        self._steps, self._every = settings.steps, settings.evaluate_every
        self._patience = settings.patience
        self._progress, self._keep, self._writer, self._rival = progress, keep, writer, rival
        self._best: dict[str, Tensor] = deepcopy(network.state_dict())
        self._figure = (False, -np.inf)  # of the best: whether it holds, gain
        self._next, self._unsaved = 0, False

    def _on_rollout_start(self) -> None:
        if self._lost():
            raise ValueError("The network's weights are no numbers any longer.")
        if self.num_timesteps >= self._next:
            self.measure()
            if len(self.course.history) - 1 - self.course.best >= self._patience:
                self.course.stopped = "early"
        if self._keep is not None and self._unsaved and self._env.between():
            self._save(self._keep)

    def _on_step(self) -> bool:
        return self.course.stopped == "done"

    def _lost(self) -> bool:
        return not all(torch.isfinite(p).all() for p in self._network.parameters())

    def train(
        self,
        model: BaseAlgorithm,
        begin: Callable[[], np.ndarray],
        lessons: Callable[[], None] | None = None,
    ) -> Course:
        """The whole course of a learner as freshly made, or what is left of one that was kept.

        Args:
            model: The learner.
            begin: Starts the environment's flights and observes them.
            lessons: What comes before the learner goes on by itself, if anything.
        """
        self.init_callback(model)
        with one_thread():
            if not self.resume(model):
                if lessons is not None:
                    self.measure()
                    lessons()
                self.start(model, begin())
            self.learn(model)
            course = self.finish()
        self._network.eval()
        return course

    def learn(self, model: BaseAlgorithm) -> None:
        """Let the learner learn until the course's end, if that was not reached yet."""
        left = self._steps - model.num_timesteps
        if left <= 0 or self.course.stopped != "done":
            return
        try:
            model.learn(left, callback=self, reset_num_timesteps=False)
        except ValueError:  # torch's distributions refuse what is no number
            if not self._lost():
                raise
            self.course.stopped = "diverged"

    def measure(self) -> None:
        """Play validation flights; keep the weights if they are the best so far."""
        self._next, self._unsaved = self.num_timesteps + self._every, True
        found = self._measure()
        history = self.course.history
        history.append({"steps": float(self.num_timesteps), "gain_pct": found.gain_pct})
        figure = (found.holds, found.gain_pct)
        if figure > self._figure or not (found.holds or self._figure[0]):
            self._figure, self._best = figure, deepcopy(self._network.state_dict())
            self.course.best = len(history) - 1
        if self._writer is not None:
            self._writer.add_scalar("validation/holds", float(found.holds), self.num_timesteps)
            self._writer.add_scalar("validation/gain_pct", found.gain_pct, self.num_timesteps)
            self._log_losses(self._writer)
        share = min(self.num_timesteps / max(self._steps, 1), 1.0)
        self._progress(f"training: {found.gain_pct:+.2f} % against {self._rival}", share)

    def _log_losses(self, writer: Writer) -> None:
        for name, value in self.logger.name_to_value.items():
            writer.add_scalar(name, float(value), self.num_timesteps)

    def finish(self) -> Course:
        """Measure the last weights too, and put the best into the network."""
        if self._lost():
            self.course.stopped = "diverged"
        elif not self.course.history or self.num_timesteps > self.course.history[-1]["steps"]:
            self.measure()
        self._network.load_state_dict(self._best)
        return self.course

    def _save(self, keep: Keep) -> None:
        self._unsaved = False
        tensors, state = snapshot(self.model)
        best = {f"best.{name}": value for name, value in self._best.items()}
        own = {
            "env": self._env.state(),
            "history": self.course.history,
            "best": self.course.best,
            "figure": list(self._figure),
            "next": self._next,
            "stopped": self.course.stopped,
        }
        keep.save(tensors | best, state | own)

    def start(self, model: Any, observed: np.ndarray) -> None:
        """Measure and keep the learner as it is, before it goes on by itself."""
        _stand(model, observed)
        self.measure()
        if self._keep is not None:
            self._save(self._keep)

    def resume(self, model: Any) -> bool:
        """Go on from what is kept with a learner as freshly made; False where nothing is."""
        kept = self._keep.load() if self._keep is not None else None
        if kept is None:
            return False
        tensors, state = kept
        restore(model, tensors, state)
        _stand(model, self._env.go_on(state["env"]))
        self._best = {
            name.removeprefix("best."): value
            for name, value in tensors.items()
            if name.startswith("best.")
        }
        self.course = Course(state["history"], state["best"], state["stopped"])
        holds, gain = state["figure"]
        self._figure, self._next = (bool(holds), float(gain)), state["next"]
        return True


def _stand(model: Any, observed: np.ndarray) -> None:
    """Let the learner stand before the first day of flights that were just started."""
    model._last_obs = observed
    model._last_episode_starts = np.ones(model.n_envs, dtype=bool)
