"""Offline evaluation of large logs: seconds and memory, from arrays and from files."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from promopilot.experiments.bench.figure import Figure, figure
from promopilot.experiments.bench.ope_log import write_files
from promopilot.experiments.bench.process import Ended, run_alone

_MOST_ESTIMATOR_SECONDS, _MOST_REPLICATES_SECONDS, _MOST_MB = 0.3, 10.0, 3000.0
# Half of what a decision's tables of 20 actions take.
_MOST_BYTES = 160.0


def measure(
    decisions: int = 1_000_000, streamed: int = 5_000_000, replicates: int = 1_000
) -> dict[str, Figure]:
    """Measures, in some two minutes on two cores.

    Args:
        decisions: rows of the log, of 20 actions each, that is evaluated from arrays and files.
        streamed: rows of the log that is evaluated from files only.
        replicates: of the bootstrap.

    Returns:
        From arrays in memory: `estimator_seconds`, the slowest closed-form bandit estimator from
        arrays [n, 20] to its estimate; `replicates_seconds`, intervals of all of them together;
        `evaluate_seconds`, an evaluation with every lambda chosen, diagnostics and verdict;
        `arrays_mb`, all that in one process. By `promopilot ope` from Parquet files of log, policy
        and reward estimates: `files_seconds`, `files_mb`. The same with `streamed_rows` decisions:
        `streamed_seconds`, `streamed_mb`, and `streamed_bytes_per_decision`, by which memory grew
        for each further decision, whose tables of actions alone are 320 bytes.
    """
    module = "promopilot.experiments.bench.ope_arrays"
    ended = run_alone([sys.executable, "-m", module, str(decisions), str(replicates)])
    found = json.loads(ended.said.splitlines()[-1])
    with tempfile.TemporaryDirectory(prefix="promopilot-bench-") as scratch:
        files = _command(decisions, Path(scratch) / "log")
        large = _command(streamed, Path(scratch) / "large")
    return {
        "rows": figure(decisions, "rows"),
        "estimator_seconds": figure(
            max(found["each"].values()), "s", at_most=_MOST_ESTIMATOR_SECONDS
        ),
        "replicates_seconds": figure(found["replicates"], "s", at_most=_MOST_REPLICATES_SECONDS),
        "evaluate_seconds": figure(found["evaluate"], "s"),
        "arrays_mb": figure(ended.peak_mb, "MB", at_most=_MOST_MB),
        "files_seconds": figure(files.seconds, "s"),
        "files_mb": figure(files.peak_mb, "MB", at_most=_MOST_MB),
        "streamed_rows": figure(streamed, "rows"),
        "streamed_seconds": figure(large.seconds, "s"),
        "streamed_mb": figure(large.peak_mb, "MB", at_most=_MOST_MB),
        "streamed_bytes_per_decision": figure(
            1e6 * (large.peak_mb - files.peak_mb) / (streamed - decisions),
            "B",
            at_most=_MOST_BYTES,
        ),
    }


def _command(decisions: int, folder: Path) -> Ended:
    """`promopilot ope` on a log of this size."""
    write_files(decisions, folder)
    command = [sys.executable, "-m", "promopilot.experiments", "ope", str(folder / "log.parquet")]
    command += ["--policy", str(folder / "policy.parquet"), "--qhat", str(folder / "qhat.parquet")]
    command += ["--out", str(folder / "out")]
    ended = run_alone(command)
    for file in folder.glob("*.parquet"):  # gigabytes
        file.unlink()
    return ended
