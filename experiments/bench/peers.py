"""Public programs of others beside ours, in one run: figures of two runs are not comparable."""

from __future__ import annotations

from pathlib import Path

from promopilot.experiments.bench import peers_market, peers_ope, peers_open_bandit
from promopilot.experiments.bench.figure import Figure
from promopilot.experiments.bench.peers_process import check_interpreter


def measure(python: Path) -> dict[str, Figure]:
    """Our market beside RTBGym (`peers_market`), our evaluation beside Open Bandit Pipeline.

    The latter in speed (`peers_ope`) and on its own data (`peers_open_bandit`).

    Args:
        python: interpreter that has both.

    Raises:
        ConfigError: there is no such interpreter.
        MissingPackageError: one of them does not run there.
    """
    check_interpreter(python)
    return {
        **peers_market.measure(python),
        **peers_ope.measure(python),
        **peers_open_bandit.measure(python),
    }
