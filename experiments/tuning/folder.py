"""A search's folder: whose it is, and whether its config is the one that it was begun with."""

from __future__ import annotations

from pathlib import Path

from promopilot.experiments.atomic import PARTIAL_PREFIX, remove, write_text_atomic
from promopilot.experiments.config import RunConfig, dump_config, first_difference, load_config
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.run_folder import CONFIG, lock, make_writable
from promopilot.experiments.tuning.base import BASE
from promopilot.experiments.tuning.record import RECORD
from promopilot.experiments.tuning.trial import TRIALS

TABLE, BEST, PAGE = "trials.csv", "best.yaml", "report.html"
RAY = ".ray"  # what Ray Tune keeps for itself while it runs; nothing of it is read again
# What a search may write: `--overwrite` deletes these names and no other.
_OUTPUTS = (CONFIG, RECORD, TRIALS, TABLE, BEST, PAGE, RAY, BASE, "error.log")
# What may change when a search goes on: how many trials at a time, and who is told.
_FREE = ("concurrent", "cpus_per_trial", "gpus_per_trial", "mlflow")


def open_folder(out: Path, config: RunConfig, resume: bool, overwrite: bool) -> None:
    """Makes the folder a search's own, or checks that the search in it can go on.

    Raises:
        RunFolderError: It holds a search and neither option is given, holds something else, was
            begun with another config, cannot be written, or another process works in it.
    """
    if resume and overwrite:
        raise RunFolderError("--resume goes on and --overwrite starts anew: give one of them")
    make_writable(out)
    names = sorted(p.name for p in out.iterdir() if not p.name.startswith(PARTIAL_PREFIX))
    strange = [name for name in names if name not in _OUTPUTS]
    ours = (out / CONFIG).is_file()
    if strange or (names and not ours and names != ["error.log"]):
        raise RunFolderError(
            f"{out} holds files that no search wrote ({(strange or names)[0]}, …); choose a new "
            "or empty folder with --out"
        )
    lock(out)
    # What a mistake in the input leaves is not worth keeping.
    used = ours and ((out / BASE).exists() or any((out / TRIALS).glob("*")))
    if used and not (resume or overwrite):
        raise RunFolderError(
            f"{out} holds a search already; go on with --resume, start anew with --overwrite, or "
            "choose another --out"
        )
    remove(out / RAY)
    if used and resume:
        _require_same(out, config)
        return
    for name in reversed(_OUTPUTS):  # the config last: by it a folder half deleted is still ours
        remove(out / name)
    (out / TRIALS).mkdir()
    write_text_atomic(out / CONFIG, dump_config(config, out))


def _require_same(out: Path, config: RunConfig) -> None:
    before = load_config(out / CONFIG)
    free = {name: getattr(config.tune, name) for name in _FREE}
    before = before.model_copy(update={"tune": before.tune.model_copy(update=free)})
    different = first_difference(before, config)
    if different is not None:
        key, old, new = different
        raise RunFolderError(
            f"{out} was begun with another config: {key} was {old}, now {new}; give the same "
            "config to --resume, or start anew with --overwrite"
        )
