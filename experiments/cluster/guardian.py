"""Ends what a Ray of one's own has started, when the process that started it is gone.

Run as a script by `private`: it waits until its standard input closes, as it does when the parent
ends, however it ends. Some of Ray's processes outlive a parent that was killed (its agents, ray
2.60). They are known by their logs, which lie in a folder of that Ray alone, so that nobody else's
is touched; their environment and command lines they have overwritten.
"""

import shutil
import signal
import sys
from pathlib import Path

import psutil

_SECONDS = 5.0  # to end by themselves, before they are killed


def writing_to(folder: Path, but: int) -> list[psutil.Process]:
    """Processes, but one, that have a file in the folder open."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != but and any(
                Path(file.path).is_relative_to(folder) for file in process.open_files()
            ):
                found.append(process)
        except (psutil.Error, OSError):  # gone, a zombie, or somebody else's
            continue
    return found


def end(folder: Path, parent: int) -> None:
    """Ends what a parent has started, and deletes the folder of its logs and sockets."""
    left = writing_to(folder, parent)
    for process in left:
        _signal(process, signal.SIGTERM)
    _, left = psutil.wait_procs(left, _SECONDS)
    for process in left:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(left, _SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:  # gone meanwhile
        return


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end(Path(sys.argv[1]), int(sys.argv[2]))
