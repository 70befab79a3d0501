"""Fits of a long study, each kept once it is scored, so that a killed study goes on.

What is kept belongs to one code, config and data: its name holds a digest of them.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from promopilot import experiments, predictors
from promopilot.experiments.atomic import remove, write_text_atomic
from promopilot.experiments.bench.upworthy_tables import StoryFolders
from promopilot.experiments.config import RunConfig
from promopilot.experiments.parts import rows_of
from promopilot.experiments.scoring import fit_from_folder
from promopilot.experiments.tables import read_tables
from promopilot.predictors import Predictor
from promopilot.predictors.comparison import Score
from promopilot.predictors.evaluation import assess

_DIGITS = 16  # of the digest, in names of files
# Beside the predictors' own files these decide what a fit learns from, and how it is scored.
_ALSO = ("parts.py", "scoring.py", "bench/upworthy_fits.py")
_DRAWS_SEED = 0  # of the intervals: the same draws of stories for every fit


@dataclass(frozen=True)
class KeptFit:
    """What is kept of a fit, scored on the test stories."""

    seed: int
    seconds: float | None  # of reading, fitting and writing; None where the fit was interrupted
    threads: int
    device: str
    rows: int  # of the test stories
    stories: int  # test stories, those with tests in common counting as one
    clear_pairs: int  # pairs of headlines that differ by more than chance
    scores: tuple[Score, ...]  # of every contender, with intervals by story

    def score(self, contender: str, measure: str) -> Score | None:
        """Returns one figure, or None where it is not defined."""
        for score in self.scores:
            if (score.contender, score.measure) == (contender, measure):
                return score
        return None


@dataclass(frozen=True)
class Bench:
    """Where the stories are, and where fits are kept."""

    stories: StoryFolders
    out: Path

    def place(self, config: RunConfig) -> Path:
        """Returns the file of a fit with `config`, whose seed it takes."""
        return self.out / f"seed{config.seed}-{_digest(config, self.stories)[:_DIGITS]}.json"

    def kept(self, config: RunConfig) -> KeptFit | None:
        """Returns an earlier fit of the same code, config and data, if one was finished."""
        try:
            found = json.loads(self.place(config).read_text(encoding="utf-8"))
            scores = tuple(Score(**score) for score in found.pop("scores"))
            return KeptFit(**found, scores=scores)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None  # none yet, or not readable: fitted anew

    def fit(self, config: RunConfig, progress: Callable[[str, float], None]) -> KeptFit:
        """Fits on the training stories as `predictor fit` does, scores on the others, keeps it.

        A fit that was killed goes on from its last pass, and has no time then.

        Raises:
            DataError: the stories break the contract.
            ConfigError: they are too few to be parted.
            MissingPackageError: the base model, or what the mode needs, is not installed.
            RunFolderError: `out` cannot be written.
        """
        place = self.place(config)
        model = place.with_suffix("")
        begun = model.exists() or model.with_name(f".{model.name}.checkpoint").exists()
        if begun:
            say(f"goes on with the fit in {model}")
        began = time.perf_counter()
        if not model.exists():
            fit_from_folder(self.stories.train, model, config, config.seed, progress)
        seconds = None if begun else time.perf_counter() - began
        kept = self._scored(Predictor.load(model, config.predictor.device), config.seed, seconds)
        write_text_atomic(place, json.dumps(asdict(kept), indent=1, allow_nan=False) + "\n")
        remove(model)  # 90 MB, of which nothing more is wanted
        return kept

    def _scored(self, predictor: Predictor, seed: int, seconds: float | None) -> KeptFit:
        import torch

        tables = read_tables(self.stories.test)
        rows = rows_of(tables, tables.performance, predictor.settings)
        found = assess(predictor, rows, _DRAWS_SEED, by_slice=False)
        return KeptFit(
            seed=seed,
            seconds=seconds,
            threads=torch.get_num_threads(),
            device=predictor.device.type,
            rows=found.rows,
            stories=found.groups,
            clear_pairs=len(found.pairs),
            scores=tuple(found.overall),
        )


def say(text: str) -> None:
    """Tells a person what is going on; a progress bar stays below it."""
    print(f"promopilot: upworthy: {text}", file=sys.stderr, flush=True)


def _digest(config: RunConfig, stories: StoryFolders) -> str:
    """SHA-256 of all that decides a fit and its scores."""
    total = hashlib.sha256(config.model_dump_json().encode())
    code = Path(predictors.__path__[0])
    beside = Path(experiments.__path__[0])
    files = [*sorted(code.glob("*.py")), *(beside / name for name in _ALSO)]
    files += [file for part in (stories.train, stories.test) for file in sorted(part.iterdir())]
    for file in files:
        total.update(f"\0{file.name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()
