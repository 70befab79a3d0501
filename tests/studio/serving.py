"""The studio as its command serves it, until it is interrupted as Ctrl-C does."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

PATIENCE = 60.0  # s until it must answer
INTERRUPTED = 130  # the exit code of a command that Ctrl-C ended


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serving(arguments: Sequence[str]) -> Iterator[str]:
    """The address of `promopilot ARGUMENTS` on a free port, `studio RUN` say, once it answers."""
    port = free_port()
    command = ["promopilot.experiments", *arguments, "--no-browser", "--port", str(port)]
    served = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        yield _answering(f"http://127.0.0.1:{port}", served)
        assert served.poll() is None, "the studio ended"
    finally:
        served.send_signal(signal.SIGINT)
        served.wait(20)


def _answering(address: str, served: "subprocess.Popen[bytes]") -> str:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert served.poll() is None, "the studio ended"
        try:
            with urlopen(f"{address}/_stcore/health") as answer:
                if answer.status == 200:
                    return address
        except URLError:
            time.sleep(0.25)
    raise TimeoutError(f"the studio did not answer within {PATIENCE:.0f} s")
