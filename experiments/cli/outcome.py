"""How a command ends: what it prints, its exit code, and what an error or Ctrl-C turns into.

Exit codes: 0 done, 1 a bug (traceback in error.log), 2 the user's input, 3 a verdict below
`--require`, 130 interrupted.
"""

import errno
import json
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TextIO

import typer

P = ParamSpec("P")
BUG, USER, VERDICT, INTERRUPTED = 1, 2, 3, 130
# Of the user's machine, not of the program: no permission, read-only, disk or quota full.
_MACHINE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Outcome:
    """What a finished command has to say."""

    text: str  # for a person, on stdout
    summary: dict[str, Any] = field(default_factory=dict)  # with --json, on stdout instead
    code: int = 0


@dataclass
class UnderWay:
    """What the running command would want said if it were stopped now."""

    folder: Path | None = None  # where error.log goes; None: the working directory
    resumable: Callable[[], str] | None = None  # a sentence for Ctrl-C


under_way = UnderWay()


def guarded(command: Callable[P, Outcome]) -> Callable[P, None]:
    """Makes a function that returns an `Outcome` into a command with the contract's exit codes.

    While it runs, whatever is printed goes to stderr: stdout holds the outcome and nothing else.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        under_way.folder = under_way.resumable = None
        with _noted_interrupt() as interrupted:
            try:
                with redirect_stdout(sys.stderr), _told_warnings():
                    outcome = command(*args, **kwargs)
            except typer.Exit:
                raise
            except BaseException as error:
                raise typer.Exit(_explain(error, interrupted.is_set())) from None
        if kwargs.get("as_json"):
            print(json.dumps(outcome.summary, indent=2, ensure_ascii=False, default=str))
        elif outcome.text:
            print(outcome.text)
        raise typer.Exit(outcome.code)

    run.__annotations__["return"] = None
    return run


@contextmanager
def _noted_interrupt() -> Iterator[threading.Event]:
    """Remembers Ctrl-C, since a library may turn it into an error of its own."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def interrupt(*_: object) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def _told_warnings() -> Iterator[None]:
    """Says promopilot's own warnings as sentences, each kind once; others are shown as ever."""
    from promopilot.predictors.errors import PredictorWarning

    told: set[type[Warning]] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", PredictorWarning)
        others = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, PredictorWarning):
                others(message, category, filename, lineno, file, line)
            elif category not in told:
                told.add(category)
                _say(f"warning: {message}")

        warnings.showwarning = show
        yield


def _explain(error: BaseException, interrupted: bool) -> int:
    if interrupted or isinstance(error, KeyboardInterrupt):
        kept = under_way.resumable() if under_way.resumable else "nothing was left half-written"
        _say(f"interrupted; {kept}")
        return INTERRUPTED
    if _is_users(error):
        _say(_sentence(error))
        return USER
    _say(f"a bug: {type(error).__name__}: {error}\n{_keep_traceback(error)}")
    return BUG


def _is_users(error: BaseException) -> bool:
    """Whether it is one of the named errors of promopilot, or the machine's refusal to write.

    Known by the module `errors` that each folder has, so that none need be imported here.
    """
    named = any(
        kind.__module__.startswith("promopilot.") and kind.__module__.endswith(".errors")
        for kind in type(error).__mro__
    )
    return named or (isinstance(error, OSError) and error.errno in _MACHINE)


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError):
        where = f" {error.filename}" if error.filename else ""
        return f"cannot use{where}: {(error.strerror or str(error)).lower()}"
    return " ".join(str(error).split())


def _keep_traceback(error: BaseException) -> str:
    folder = under_way.folder if under_way.folder and under_way.folder.is_dir() else Path()
    text = "".join(traceback.format_exception(error))
    try:
        (folder / "error.log").write_text(text, encoding="utf-8")
    except OSError:
        return text
    return f"the traceback is in {folder / 'error.log'}; please report it with that file"


def _say(text: str) -> None:
    print(f"promopilot: {text}", file=sys.stderr, flush=True)
