"""Processes that trials find ready: what takes seconds is imported while the search is set up."""

from __future__ import annotations


def make_ready(count: int, cpus: float) -> None:
    """Has Ray begin to start processes, and does not wait for them.

    Ray keeps processes whose task is over for the next that needs one, trials too.

    Args:
        count: How many.
        cpus: Cores of each, as many as a trial's.
    """
    import ray

    task = ray.remote(_import).options(num_cpus=cpus, scheduling_strategy="SPREAD", max_retries=0)
    for _ in range(count):
        task.remote()


def _import() -> None:
    """What trials import; torch imports a good part of itself with the first optimiser."""
    import torch

    import promopilot.agents.dqn
    import promopilot.agents.ppo
    import promopilot.experiments.tuning.practice  # noqa: F401

    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
