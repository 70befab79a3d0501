"""Processes in which trials find imported what they need."""

from promopilot.experiments.cluster.connection import connected
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.tuning.processes import make_ready


def test_a_trial_finds_its_process_ready() -> None:
    class Trial:
        def has(self, module: str) -> bool:
            import sys

            return module in sys.modules

    with connected(RaySettings(cpus=1, object_store_mb=80)):
        import ray

        make_ready(1, 1.0)
        trial = ray.remote(Trial).options(num_cpus=1).remote()  # type: ignore[attr-defined]
        assert ray.get(trial.has.remote("torch.optim.adam"))
        assert ray.get(trial.has.remote("promopilot.agents.ppo"))
        assert not ray.get(trial.has.remote("promopilot.experiments.cli"))
