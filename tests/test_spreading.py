"""Flights spread over processes: the same results bit by bit, and the same errors."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from promopilot.agents.dqn import train_dqn
from promopilot.agents.dqn_settings import DqnSettings
from promopilot.agents.errors import PolicyError
from promopilot.agents.ppo import train_ppo
from promopilot.agents.ppo_policy import save_policy
from promopilot.agents.settings import PpoSettings
from promopilot.agents.spread import Spread, here, in_parts
from promopilot.agents.tuned import tune_replanner
from promopilot.envs.stress import STRESSES
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.errors import ClusterError
from promopilot.experiments.policies import BOUND, POLICIES
from promopilot.experiments.progress import silent
from promopilot.experiments.simulation import Flights, Wanted, hindsight_bound, play_each
from promopilot.experiments.spreading.workers import spread_over
from promopilot.experiments.stress import play_stresses

WORLD = synthetic_world(SyntheticSize(promotions=4, placements=2, segments=2, days=5))
QUICK = PpoSettings(
    lessons=1, corrections=1, steps=200, num_envs=20, training_flights=40, batch_size=100,
    evaluate_every=100,
)  # fmt: skip


@pytest.fixture(scope="module")
def workers() -> Iterator[Spread]:
    with spread_over(RaySettings(workers=2, object_store_mb=80)) as spread:
        yield spread


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that can be trained."""
    folder = tmp_path_factory.mktemp("trained")
    tune_replanner(WORLD, 5, np.arange(2)).save(folder)
    policy, _ = train_ppo(WORLD, QUICK, 0, 99, np.arange(4))
    save_policy(policy, folder, {})
    return folder


def equal(left: Any, right: Any) -> bool:
    """Whether two rollouts are the same in all but the time that they took."""
    if isinstance(left, np.ndarray):
        return bool(np.array_equal(left, right))
    if hasattr(left, "__dataclass_fields__"):
        names = [field.name for field in fields(left) if field.name != "decision_ms"]
        return all(equal(getattr(left, name), getattr(right, name)) for name in names)
    return bool(left == right)


# ---- here ----


def test_without_workers_all_is_done_here_and_only_when_asked_for() -> None:
    done: list[int] = []

    def work(piece: int) -> int:
        done.append(piece)
        return piece + os.getpid()

    with spread_over(RaySettings()) as spread:
        results = spread(work, [1, 2])
        assert done == []
        assert next(results) == 1 + os.getpid()
        assert done == [1]


def test_a_piece_has_one_thread_here_as_there(workers: Spread) -> None:
    def threads(_: int) -> set[int]:
        import numpy as np  # loads OpenBLAS
        from threadpoolctl import threadpool_info

        assert np.__name__
        return {library["num_threads"] for library in threadpool_info()}

    assert list(here(threads, [0])) == [{1}]
    assert list(workers(threads, [0])) == [{1}]


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (2, [2]), (4, [4]), (9, [4, 4, 1])])
def test_flights_are_cut_in_parts(count: int, sizes: list[int]) -> None:
    flights = np.arange(count) + 7
    found = in_parts(flights, 4)
    assert [len(part) for part in found] == sizes
    assert [number for part in found for number in part] == list(flights)


# ---- workers ----


def test_results_come_in_the_order_of_the_pieces(workers: Spread) -> None:
    def work(piece: int) -> tuple[int, int]:
        import time

        time.sleep(0.05 * (piece == 0))  # the first is the last to be done
        return piece, os.getpid()

    found = list(workers(work, list(range(12))))
    assert [piece for piece, _ in found] == list(range(12))
    assert os.getpid() not in {process for _, process in found}
    assert list(workers(work, [])) == []


def test_work_that_nobody_waits_for_is_cancelled(
    workers: Spread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    cancelled: list[Any] = []
    monkeypatch.setattr(ray, "cancel", cancelled.append)  # Ray's own now and then comes too late

    def work(piece: int) -> None:
        while not (tmp_path / "end").exists():
            time.sleep(0.02)

    results = workers(work, [0, 1, 2])
    assert cancelled == []
    del results
    assert len(cancelled) == 2  # the third had not begun
    (tmp_path / "end").touch()


def test_what_a_work_remembers_stays_in_its_process(workers: Spread) -> None:
    class Counting:
        def __init__(self) -> None:
            self.table = np.zeros(3)

        def __call__(self, piece: int) -> float:
            self.table += 1  # arrays can be written to, as here
            return float(self.table[0])

    counting = Counting()
    found = list(workers(counting, list(range(8))))
    assert max(found) > 1
    assert counting.table[0] == 0


def test_works_can_be_under_way_side_by_side(workers: Spread) -> None:
    first = workers(lambda piece: piece + 0.5, [1, 2, 3])
    second = workers(lambda piece: -piece, [4, 5, 6])
    assert list(second) == [-4, -5, -6]
    assert list(first) == [1.5, 2.5, 3.5]


@pytest.mark.parametrize("error", [PolicyError("No policy is there."), ZeroDivisionError("by 0")])
def test_an_error_of_the_work_is_the_same_here(
    workers: Spread, error: Exception, tmp_path: Path
) -> None:
    failed = tmp_path / "failed"

    def fails(piece: int) -> int:
        if piece == 1:
            failed.touch()
            raise error
        while not failed.exists():  # the piece before it ends after it
            time.sleep(0.01)
        return piece

    results = workers(fails, [0, 1, 2, 3])
    assert next(results) == 0
    with pytest.raises(type(error)) as raised:
        next(results)
    assert type(raised.value) is type(error)
    assert str(raised.value) == str(error)
    assert "fails" in str(raised.value.__cause__)  # where it was raised, for error.log
    assert list(workers(abs, [-1])) == [1]  # and others go on


def killed_once(mark: Path) -> Callable[[int], int]:
    def work(piece: int) -> int:
        if piece == 2 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return piece * piece

    return work


def test_pieces_of_a_killed_worker_are_done_again(workers: Spread, tmp_path: Path) -> None:
    work = killed_once(tmp_path / "killed")
    assert list(workers(work, list(range(6)))) == [0, 1, 4, 9, 16, 25]
    assert (tmp_path / "killed").exists()


# ---- flights ----


def test_rollouts_bounds_and_stresses_are_equal_bit_by_bit(workers: Spread, trained: Path) -> None:
    names = [name for name in POLICIES if name != "dqn"]
    wanted = [Wanted([*names, BOUND], Flights(3, 40, 34)), Wanted(["mpc"], Flights(4, 5, 5))]
    one, several = (
        play_each(wanted, WORLD, trained, silent, "simulate", spread) for spread in (here, workers)
    )
    assert [list(found) for found in one] == [list(found) for found in several] == [names, ["mpc"]]
    for left, right in zip(one, several, strict=True):
        for name in left:
            assert equal(left[name], right[name]), name
            assert left[name].decision_ms > 0
    assert one[0]["ppo"].fallback_share is not None
    bounds = [hindsight_bound([BOUND], WORLD, 3, 18, silent, s) for s in (here, workers)]
    assert equal(*bounds)
    given = ["uniform", "replanner"], WORLD, trained, Flights(3, 34, 34), 0, silent
    stressed = [play_stresses(*given, spread) for spread in (here, workers)]
    assert stressed[0] == stressed[1]
    assert list(stressed[0]) == list(STRESSES)


def test_how_far_it_is_is_told(workers: Spread, trained: Path) -> None:
    told: list[tuple[str, float]] = []
    wanted = [Wanted(["mpc", "uniform"], Flights(3, 70, 40))]
    play_each(
        wanted, WORLD, trained, lambda what, share: told.append((what, share)), "sim", workers
    )
    assert {what for what, _ in told} == {"sim"}
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert len(shares) == 5
    assert shares[-1] == 1


def weights(network: Any) -> list[np.ndarray]:
    return [value.numpy() for value in network.state_dict().values()]


def test_ppo_learns_the_same_weights(workers: Spread) -> None:
    other = synthetic_world(SyntheticSize(promotions=6, placements=2, segments=1, days=5), seed=1)
    (one, course), (several, again) = (
        train_ppo([WORLD, other], QUICK, 0, 99, np.arange(40), spread=spread)
        for spread in (here, workers)
    )
    assert again.history == course.history
    assert len(course.history) > 2
    assert all(map(np.array_equal, weights(one.network), weights(several.network)))


def test_dqn_learns_the_same_weights(workers: Spread) -> None:
    settings = DqnSettings(
        steps=160, num_envs=8, training_flights=8, evaluate_every=80, warm_up=40, memory=100,
        batch_size=16,
    )  # fmt: skip
    (one, course), (several, again) = (
        train_dqn(WORLD, settings, 0, 99, np.arange(40), spread=spread)
        for spread in (here, workers)
    )
    assert again.history == course.history
    assert all(map(np.array_equal, weights(one.network), weights(several.network)))


# ---- what cannot be ----


def test_an_address_without_a_cluster_is_said_before_anything_is_played(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    nowhere = spread_over(RaySettings(address="127.0.0.1:1", workers=2))
    with pytest.raises(ClusterError, match="nothing answers"):
        nowhere.__enter__()


@pytest.mark.slow
def test_a_piece_that_always_kills_its_worker_ends_in_a_sentence(workers: Spread) -> None:
    def work(piece: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return piece

    with pytest.raises(ClusterError, match="ended 4 times in the midst of the same flights"):
        list(workers(work, [0]))
