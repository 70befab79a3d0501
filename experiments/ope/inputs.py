"""What an evaluation is made from: the files, and the policy by file, run or name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from promopilot.experiments.progress import silent

if TYPE_CHECKING:  # which reads inputs itself
    from promopilot.experiments.ope.bandit.blocks import Engine


@dataclass(frozen=True)
class Inputs:
    """Files of one evaluation; the columns of each depend on the kind of log."""

    log: Path  # the logged decisions, CSV or Parquet
    policy: str  # the policy to judge: a file, a run folder or a name
    qhat: Path | None = None  # reward estimates; without it a cross-fitted model makes them
    action_features: Path | None = None  # what actions have in common
    behavior: Path | None = None  # the logging policy's probabilities of all actions
    estimators: tuple[str, ...] = ()  # `NAME[:param=value,…]`; the kind's own where empty
    # Told (what is read, share done) where reading takes time.
    progress: Callable[[str, float], None] = silent
    # Who reduces the blocks of a log with one choice each; None: this process.
    engine: "Engine | None" = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that is read; a policy by name is none."""
        files = (self.log, Path(self.policy), self.qhat, self.action_features, self.behavior)
        return tuple(path for path in files if path is not None and path.is_file())
