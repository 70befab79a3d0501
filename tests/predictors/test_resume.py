"""A killed fit goes on where it was, to the same bytes."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.predictors.conftest import Parts

from promopilot.predictors.checkpoint import Checkpoint, forget
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.training import fit


class Killed(BaseException):
    """Not an Exception: nothing may catch it."""


def weights(predictor: Predictor) -> dict[str, torch.Tensor]:
    return predictor.funnel.state_dict()


def same(a: Predictor, b: Predictor) -> bool:
    return all(torch.equal(value, weights(b)[name]) for name, value in weights(a).items())


@pytest.mark.parametrize("passes", [1, 6, 7, 9])
def test_a_killed_fit_ends_as_the_undisturbed_one(
    parts: Parts, quick: PredictorSettings, tmp_path: Path, passes: int
) -> None:
    few = quick.model_copy(update={"head_epochs": 6, "epochs": 4, "encoder_learning_rate": 1e-3})
    whole = fit(parts[0], parts[1], few, tmp_path / "whole", 0)
    told: list[str] = []

    def kill(what: str, share: float) -> None:
        told.append(what)
        if sum("pass" in line for line in told) == passes:
            raise Killed

    kept = tmp_path / "kept"
    with pytest.raises(Killed):
        fit(parts[0], parts[1], few, tmp_path / "resumed", 0, kill, kept)
    assert not (tmp_path / "resumed").exists()
    told.clear()
    resumed = fit(
        parts[0], parts[1], few, tmp_path / "resumed", 0, lambda what, _: told.append(what), kept
    )
    assert sum("pass" in line for line in told) == 10 - passes
    assert same(whole, resumed)
    assert resumed.record == whole.record
    assert resumed.spreads == whole.spreads
    forget(kept)
    assert not list(tmp_path.glob("kept*"))


def other(parts: Parts, column: str) -> Parts:
    """The same rows with something else known of the promotions."""
    known = parts[0].promotions
    changed = {
        "discount": known.discount / 2,
        "group_id": np.array([f"own {i}" for i in range(len(known.group_id))], dtype=object),
    }[column]
    promotions = dataclasses.replace(known, **{column: changed})
    fitted, chosen, test = (dataclasses.replace(rows, promotions=promotions) for rows in parts)
    return fitted, chosen, test


@pytest.mark.parametrize("column", ["discount", "group_id"])
def test_other_data_s_state_is_not_taken_up(
    parts: Parts, quick: PredictorSettings, tmp_path: Path, column: str
) -> None:
    few = quick.model_copy(update={"mode": "frozen", "head_epochs": 3})
    kept = tmp_path / "kept"
    fit(parts[0], parts[1], few, tmp_path / "a", 0, checkpoint=kept)
    assert kept.exists()
    told: list[str] = []
    changed = other(parts, column)
    fit(*changed[:2], few, tmp_path / "b", 0, lambda what, _: told.append(what), kept)
    assert sum("pass" in line for line in told) == 3


def test_tuning_that_makes_things_worse_is_not_kept(
    parts: Parts, quick: PredictorSettings, tmp_path: Path
) -> None:
    wild = quick.model_copy(update={"head_epochs": 10, "epochs": 2, "encoder_learning_rate": 0.5})
    fitted = fit(parts[0], parts[1], wild, tmp_path / "p", 0)
    assert min(fitted.record["fine_tuned_loss"]) > min(fitted.record["head_loss"])
    assert fitted.record["best"] == pytest.approx(min(fitted.record["head_loss"]), rel=1e-5)


def test_another_fit_s_state_is_not_taken_up(
    parts: Parts, quick: PredictorSettings, tmp_path: Path
) -> None:
    few = quick.model_copy(update={"mode": "frozen", "head_epochs": 4})

    def kill(what: str, share: float) -> None:
        if "pass 2" in what:
            raise Killed

    with pytest.raises(Killed):
        fit(parts[0], parts[1], few, tmp_path / "a", 0, kill, tmp_path / "kept")
    told: list[str] = []
    other = fit(
        *(parts[0], parts[1], few, tmp_path / "b", 1),
        lambda what, _: told.append(what),
        tmp_path / "kept",
    )
    assert sum("pass" in line for line in told) == 4
    assert same(other, fit(parts[0], parts[1], few, tmp_path / "c", 1))


def test_a_kill_while_writing_leaves_the_state_before(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "kept", "key")
    kept.save({"a": torch.ones(2)}, {"phase": "head"})
    # Killed between the two renames: the earlier state has moved, the new one not yet come.
    (tmp_path / "kept").rename(tmp_path / "kept.old")
    found = kept.load()
    assert found is not None
    assert found[1]["phase"] == "head"
    # Killed while the draft was written.
    (tmp_path / "kept.old").rename(tmp_path / "kept")
    (tmp_path / "kept.new").mkdir()
    (tmp_path / "kept.new" / "state.safetensors").write_bytes(b"half")
    assert kept.load() is not None
    kept.save({"a": torch.zeros(2)}, {"phase": "head"})
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize("name", ["state.safetensors", "state.json"])
def test_a_damaged_state_is_no_state(tmp_path: Path, name: str) -> None:
    kept = Checkpoint(tmp_path / "kept", "key")
    kept.save({"a": torch.ones(2)}, {"phase": "head"})
    (tmp_path / "kept" / name).write_bytes(b"\x00\x01")
    assert kept.load() is None
    shutil.rmtree(tmp_path / "kept")
    assert kept.load() is None
