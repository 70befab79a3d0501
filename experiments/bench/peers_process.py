"""Runs a script of ours with the interpreter of the peers' environment, and reads its answer."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from promopilot.experiments.errors import ConfigError, MissingPackageError

_MEND = "`make bench-peers` installs what it needs"


def check_interpreter(python: Path | None) -> None:
    """Raises ConfigError where no interpreter is given, or there is none."""
    if python is None:
        raise ConfigError(
            "the bench peers needs --peers-python FILE, an interpreter that has the peers; "
            "`make bench-peers` installs one and uses it"
        )
    if not (python.is_file() and os.access(python, os.X_OK)):
        raise ConfigError(f"there is no interpreter {python} for the peers; {_MEND}")


@dataclass(frozen=True)
class Peer:
    """A program of others, and the script that measures it.

    The script stands alone, as nothing of promopilot is installed where it runs, and prints an
    object of positive numbers as JSON.
    """

    name: str
    script: Path
    answers: tuple[str, ...]  # names of the numbers, in the order in which they are wanted

    def ask(self, python: Path, arguments: Sequence[str], most_seconds: float) -> list[float]:
        """The script's numbers, from a fresh process.

        Raises:
            MissingPackageError: it fails, or takes longer than `most_seconds`.
        """
        # Isolated (-I): neither our packages nor the modules beside the script are seen there.
        command = [str(python.absolute()), "-I", "-W", "ignore", str(self.script), *arguments]
        try:
            ended = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=most_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise self._failed(python, f"it did not end within {error.timeout:.0f} s") from error
        except OSError as error:
            raise self._failed(python, (error.strerror or str(error)).lower()) from error
        if ended.returncode != 0:
            said = ended.stderr.strip().splitlines()
            raise self._failed(python, said[-1] if said else f"it ended with {ended.returncode}")
        try:
            answer = json.loads(ended.stdout)
            found = [float(answer[name]) for name in self.answers]
        except (ValueError, TypeError, LookupError) as error:
            raise self._failed(python, f"it answered {ended.stdout.strip()[:200]!r}") from error
        if not all(math.isfinite(one) and one > 0 for one in found):
            raise self._failed(python, f"it answered {ended.stdout.strip()[:200]!r}")
        return found

    def _failed(self, python: Path, why: str) -> MissingPackageError:
        return MissingPackageError(f"{self.name} does not run with {python}: {why}; {_MEND}")
