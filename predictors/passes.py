"""A phase of learning: passes over the texts until the choose part stops improving."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from promopilot.predictors.checkpoint import Checkpoint, optimizer_tensors, restore_optimizer
from promopilot.predictors.errors import PredictorDataError
from promopilot.predictors.funnel import Funnel
from promopilot.predictors.halving import Halving, add_gradients
from promopilot.predictors.objective import Part, Units
from promopilot.predictors.settings import PredictorSettings

_CLIP_NORM = 1.0  # largest gradient norm of a step, as in BERT's own training
_CELLS_AT_ONCE = 1 << 17  # judged per pass: 128k x 64 floats is 34 MB


class Scribe(Protocol):
    """Takes figures of each pass; tensorboardX's SummaryWriter is one."""

    def add_scalar(self, tag: str, value: float, step: int) -> object:
        """Notes a figure."""


@dataclass(frozen=True)
class Phase:
    """What a phase learns, from what and how long."""

    name: str
    train: Part
    choose: Part
    settings: PredictorSettings
    averaging: float  # share of the judge's weights that stays per step
    passes: int  # at most
    groups: list[dict[str, Any]]  # of the optimizer: parameters and their rates
    vectors: Callable[[Funnel, Tensor], Tensor]  # of the learner and texts [B] -> [B, H]
    judged: Callable[[Funnel], Tensor]  # of the judge -> choose texts' vectors [T, H]
    generator: torch.Generator  # orders the texts
    tell: Callable[[int, float], None]  # passes done, last loss
    checkpoint: Checkpoint | None
    scribe: Scribe | None
    finished: dict[str, list[float]]  # earlier phases and their losses


@dataclass
class Search:
    """The best pass so far, and what every pass scored."""

    losses: list[float] = field(default_factory=list)  # on the choose part, per trial
    best: float = math.inf
    best_pass: int = 0  # counted from 1; 0 is what the phase started from
    state: dict[str, Tensor] = field(default_factory=dict)

    def judge(self, loss: float, judge: Funnel, names: list[str]) -> None:
        """Notes a pass and keeps its weights if it is the best."""
        self.losses.append(loss)
        if loss < self.best:
            self.keep(loss, len(self.losses), judge, names)

    def keep(self, loss: float, place: int, judge: Funnel, names: list[str]) -> None:
        """Takes weights as the best; what a phase starts from has place 0."""
        own = dict(judge.named_parameters())
        self.best, self.best_pass = loss, place
        self.state = {name: own[name].detach().clone() for name in names}


def run_phase(funnel: Funnel, phase: Phase) -> Search:
    """Learns in place; the best pass's weights stay in `funnel`."""
    settings = phase.settings
    names = [name for name, p in funnel.named_parameters() if p.requires_grad]
    judge = _shadow(funnel)
    optimizer = torch.optim.AdamW(phase.groups)
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    run = _Run(funnel, judge, optimizer, rates, names, Search())
    found = phase.checkpoint.load() if phase.checkpoint is not None else None
    if found is not None and phase.name in found[1]["finished"]:
        # What this phase learnt is in the state of the one that was killed.
        return Search([float(loss) for loss in found[1]["finished"][phase.name]])
    done = 0 if found is None else run.restore(phase, *found)
    if done == 0:
        # What a phase starts from is a candidate: it must not make things worse.
        run.search.keep(_judge(judge.eval(), phase), 0, judge, names)
    units = Units.of(phase.train)
    most = settings.batch_texts * settings.accumulate
    steps = phase.passes * units.steps(most)
    halving = Halving()
    while done < phase.passes and done - run.search.best_pass < settings.patience:
        funnel.train()
        funnel.encoder.set_dropout(settings.encoder_dropout)
        for batch in units.batches(most, phase.generator):
            run.step(phase, units, batch, steps, halving)
        judge.eval()
        loss = _judge(judge, phase)
        if not math.isfinite(loss):
            raise PredictorDataError(
                f"the loss is {loss} after pass {done + 1} of {phase.name}: lower "
                "predictor.head_learning_rate or predictor.encoder_learning_rate."
            )
        run.search.judge(loss, judge, names)
        done += 1
        if phase.scribe is not None:
            phase.scribe.add_scalar(f"{phase.name}/choose_loss", loss, done)
            phase.scribe.add_scalar(f"{phase.name}/train_loss", run.mean_loss(), done)
        run.save(phase, done)
        phase.tell(done, loss)
    funnel.load_state_dict(run.search.state, strict=False)
    return run.search


@dataclass
class _Run:
    """What changes while a phase runs, and is kept at each pass's end."""

    funnel: Funnel
    judge: Funnel
    optimizer: torch.optim.Optimizer
    rates: list[float]
    names: list[str]
    search: Search
    taken: int = 0  # steps
    losses: list[float] = field(default_factory=list)  # of this pass's steps

    def step(self, phase: Phase, units: Units, batch: Tensor, steps: int, halving: Halving) -> None:
        """One optimizer step over some units, in `accumulate` parts."""
        settings, part = phase.settings, phase.train
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * _rise_and_fall(self.taken, steps, settings.warmup_share)
        # Per trial, and each batch standing for all texts: an unbiased gradient.
        share = float(units.texts.sum()) / float(units.texts[batch].sum()) / part.scale
        learning = [p for group in self.optimizer.param_groups for p in group["params"]]

        def loss(chosen: Tensor) -> Tensor:
            cells = units.cells(chosen)
            texts, index = torch.unique(part.context.text[cells], return_inverse=True)
            logits = self.funnel(phase.vectors(self.funnel, texts), part.context.pick(cells, index))
            return part.loss(logits, cells) * share

        self.optimizer.zero_grad(set_to_none=True)
        value = sum(
            add_gradients(loss, piece, learning, halving)
            for piece in torch.chunk(batch, settings.accumulate)
        )
        torch.nn.utils.clip_grad_norm_(learning, _CLIP_NORM)
        self.optimizer.step()
        self.taken += 1
        self.losses.append(value)
        _follow(self.judge, self.funnel, min(phase.averaging, self.taken / (self.taken + 9)))

    def mean_loss(self) -> float:
        """Mean over the pass's steps, which it forgets."""
        mean = sum(self.losses) / max(len(self.losses), 1)
        self.losses = []
        return mean

    def save(self, phase: Phase, done: int) -> None:
        """Keeps the state after a pass."""
        if phase.checkpoint is None:
            return
        tensors = {f"best.{name}": value for name, value in self.search.state.items()}
        for kind, network in (("learner", self.funnel), ("judge", self.judge)):
            own = dict(network.named_parameters())
            tensors |= {f"{kind}.{name}": own[name] for name in self.names}
        tensors |= optimizer_tensors(self.optimizer) | _random_states(phase)
        search = self.search
        phase.checkpoint.save(
            tensors,
            {
                "phase": phase.name,
                "done": done,
                "taken": self.taken,
                "losses": search.losses,
                "best": search.best,
                "best_pass": search.best_pass,
                "finished": phase.finished,
            },
        )

    def restore(self, phase: Phase, tensors: dict[str, Tensor], state: dict[str, Any]) -> int:
        """Takes up a killed fit's state; returns the passes it had done."""
        if state["phase"] != phase.name:
            return 0
        for kind, network in (("learner", self.funnel), ("judge", self.judge)):
            own = {name: tensors[f"{kind}.{name}"] for name in self.names}
            network.load_state_dict(own, strict=False)
        restore_optimizer(self.optimizer, tensors)
        phase.generator.set_state(tensors["random.order"])
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random.cuda"])
        device = next(self.funnel.parameters()).device
        best = {name: tensors[f"best.{name}"].to(device) for name in self.names}
        losses = [float(loss) for loss in state["losses"]]
        self.search = Search(losses, float(state["best"]), int(state["best_pass"]), best)
        self.taken = int(state["taken"])
        return int(state["done"])


def _random_states(phase: Phase) -> dict[str, Tensor]:
    """States of the generators that order texts and draw dropout."""
    states = {"random.order": phase.generator.get_state(), "random.cpu": torch.get_rng_state()}
    if phase.train.trials.device.type == "cuda":
        states["random.cuda"] = torch.cuda.get_rng_state()
    return states


@torch.no_grad()
def _judge(judge: Funnel, phase: Phase) -> float:
    """Score of the choose part."""
    part = phase.choose
    vectors, every = phase.judged(judge), torch.arange(len(part.unit))
    parts = Halving(limit=_CELLS_AT_ONCE)(
        lambda cells: judge(vectors, part.context.pick(cells, part.context.text[cells])), every
    )
    return part.score(torch.cat(parts))


def _rise_and_fall(step: int, steps: int, warmup_share: float) -> float:
    """Rises linearly to 1 during the warm-up, then falls linearly to 0."""
    warmup = max(1, round(steps * warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (steps - step) / max(1, steps - warmup))


def _shadow(funnel: Funnel) -> Funnel:
    """A copy that follows the learning weights; what does not learn is shared, not copied."""
    shared = {id(p): p for p in funnel.parameters() if not p.requires_grad}
    return copy.deepcopy(funnel, shared)


@torch.no_grad()
def _follow(judge: Funnel, funnel: Funnel, keep: float) -> None:
    """Moves the average of the weights a step towards them (Polyak & Juditsky 1992)."""
    for mean, now in zip(judge.parameters(), funnel.parameters(), strict=True):
        if now.requires_grad:
            mean.lerp_(now, 1.0 - keep)
