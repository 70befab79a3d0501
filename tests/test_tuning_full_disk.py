"""A disk that fills up while a search runs: what is over stays, and the rest goes on later."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from promopilot.experiments.tuning.trial import load_trials
from tests.tuning_room import command, config_of, make_run, practising, told
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as open_file:
        while True:
            open_file.write(bytes(4096))


def test_a_full_disk_stops_the_search_and_it_goes_on_when_there_is_room(
    disk: Path, tmp_path: Path
) -> None:
    config = config_of(tmp_path, make_run(tmp_path / "run"))
    subprocess.run(command(config, tmp_path / "whole"), check=True, timeout=300)
    undisturbed = [told(trial) for trial in load_trials(tmp_path / "whole")]

    out, filler = disk / "out", disk / "filler"
    begun = subprocess.Popen(command(config, out), stderr=subprocess.PIPE, text=True)
    until(lambda: practising(out))
    with pytest.raises(OSError, match="No space"):
        fill(filler)
    _, said = begun.communicate(timeout=120)
    assert begun.returncode == 2, said
    assert "free some space" in said
    assert "with --resume goes on with the others where they were" in said
    over = [told(trial) for trial in load_trials(out) if trial.is_over]
    assert over
    assert all(trial in undisturbed for trial in over)

    filler.unlink()
    resumed = subprocess.run(
        command(config, out, "--resume"), capture_output=True, text=True, timeout=300
    )
    assert resumed.returncode == 0, resumed.stderr
    assert [told(trial) for trial in load_trials(out)] == undisturbed
