"""Flights of `promopilot/BudgetAllocation-v0` as a Minari dataset, for other offline learners."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from promopilot.agents.policy import Policy
from promopilot.envs.arrays import Ints
from promopilot.envs.views.flights import FlightBatch
from promopilot.experiments.errors import LogError, MissingPackageError
from promopilot.experiments.progress import silent

_ID = "promopilot/BudgetAllocation-v0"
# Flights played together.
_BATCH = 64


def export_minari(
    dataset_id: str,
    policy: Policy,
    flights: int,
    *,
    run: Path | None = None,
    seed: int = 0,
    progress: Callable[[str, float], None] = silent,
) -> dict[str, Any]:
    """Record a policy's flights under `actions="shares"`, which can say whatever it spends.

    Args:
        dataset_id: Name and version in Minari's folder, e.g. `shop/replanner-v0`; the folder is
            `MINARI_DATASETS_PATH`, else `~/.minari/datasets`.
        policy: Who decides.
        flights: Flights 0 to flights - 1 of the seed, an episode each.
        run: The run folder whose market is played; the small synthetic world where absent. The
            dataset's environment names it as given here.
        seed: Seed of the flights.
        progress: Told the share done.

    Returns:
        The dataset's id, folder, episodes and steps.

    Raises:
        MissingPackageError: Minari is not installed.
        LogError: The id is none, or taken.
        MarketError: The run folder holds no market.
    """
    require_minari(dataset_id)
    import minari  # type: ignore[import-untyped]

    arguments: dict[str, Any] = {"actions": "shares"} | ({} if run is None else {"run": str(run)})
    env = gymnasium.make(_ID, **arguments)
    episodes: list[Any] = []
    for begin in range(0, flights, _BATCH):
        numbers = np.arange(begin, min(begin + _BATCH, flights))
        episodes += _play(policy, env.unwrapped.batch, seed, numbers)  # type: ignore[attr-defined]
        progress("minari", len(episodes) / flights)
    with warnings.catch_warnings():
        # Of people's names, a link and a test environment, which a recorded simulation has not.
        told = r"`(author|author_email|code_permalink|eval_env)` is set to None"
        warnings.filterwarnings("ignore", told, UserWarning)
        dataset = minari.create_dataset_from_buffers(
            dataset_id,
            episodes,
            env=env,
            algorithm_name=policy.name,
            description=(
                f"{flights} simulated flights of {_ID} ({arguments}) under {policy.name}, seed "
                f"{seed}. Evidence: simulated."
            ),
        )
    return {
        "dataset_id": dataset_id,
        "folder": str(dataset.storage.data_path),
        "episodes": int(dataset.total_episodes),
        "steps": int(dataset.total_steps),
    }


def _play(policy: Policy, batch: FlightBatch, seed: int, flights: Ints) -> list[Any]:
    """The given flights `[N]` as Minari's episodes; the environment is the batch of one."""
    from minari.data_collector import EpisodeBuffer  # type: ignore[import-untyped]

    observed, actions, rewards = [batch.reset(seed, flights)], [], []
    while not batch.market.done:
        actions.append(share_weights(policy, batch))
        seen, reward, _ = batch.step(actions[-1])
        observed.append(seen)
        rewards.append(reward)
    days = len(rewards)
    return [
        EpisodeBuffer(
            id=int(flight),
            # A seed names a sequence of flights, of which the first is flight 0.
            seed=None if flight else seed,
            observations=[seen[n] for seen in observed],
            actions=[action[n] for action in actions],
            rewards=[float(reward[n]) for reward in rewards],
            terminations=[False] * (days - 1) + [True],
            truncations=[False] * days,
            infos={},
        )
        for n, flight in enumerate(flights)
    ]


def share_weights(policy: Policy, batch: FlightBatch) -> np.ndarray:
    """Share actions `[N, L + 1]` float32 that ask for what a policy spends today.

    Spend above the day's pot is scaled down to it.

    Args:
        policy: Who decides.
        batch: Flights under `actions="shares"`.
    """
    spend = np.maximum(np.nan_to_num(policy.spend(batch.market)), 0.0)
    whole = np.zeros((len(spend), batch.num_actions))
    whole[:, 0] = 1.0  # all of the pot on one line item says how large it is
    pot = batch.spend(whole)[:, :1]
    share = np.divide(spend, pot, out=np.zeros_like(spend), where=pot > 0)
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1.0)
    kept = 1.0 - np.minimum(share.sum(axis=1, keepdims=True), 1.0)
    return np.concatenate([share, kept], axis=1).astype(np.float32)


def require_minari(dataset_id: str) -> None:
    """Refuses what could not be written.

    Raises:
        MissingPackageError: Minari is not installed.
        LogError: The id is none, or taken.
    """
    try:
        import h5py  # type: ignore[import-untyped]  # noqa: F401 - Minari's format needs it
        import minari
        from minari.dataset.minari_dataset import parse_dataset_id  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingPackageError(
            f"a Minari dataset needs the extra `minari` ({error}); install it with: "
            'pip install "promopilot[minari]"'
        ) from None
    try:
        parse_dataset_id(dataset_id)
    except (ValueError, TypeError):  # TypeError: no version
        raise LogError(
            f"{dataset_id!r} is no dataset id; it must be a name and a version, such as "
            "shop/replanner-v0"
        ) from None
    if dataset_id in minari.list_local_datasets():
        raise LogError(f"there is a Minari dataset {dataset_id} already; choose another version")
