"""Progress where nobody watches a terminal: one line when a stage starts and one when it ends."""

import contextlib
import io
import re
import time

import pytest

from promopilot.experiments.progress import Progress, stage_of


class Terminal(io.StringIO):
    """A terminal that remembers all it was sent."""

    def isatty(self) -> bool:
        return True


def frames(stream: Terminal) -> list[str]:
    """What the terminal was sent, a frame or line each, without colours and cursor movements."""
    sent = re.split(r"\r?\x1b\[2K|\r|\n", stream.getvalue())
    return [re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", part).strip() for part in sent]


def test_without_a_terminal_a_stage_has_a_line_at_its_start_and_its_end() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        with progress.stage("predictor"):
            for share in (0.0, 0.2, 0.7, 1.0):
                progress(f"log-loss {share}", share)
        with contextlib.suppress(ZeroDivisionError), progress.stage("market"):
            raise ZeroDivisionError
    lines = stream.getvalue().splitlines()
    assert lines[0] == "promopilot: predictor …"
    assert re.fullmatch(r"promopilot: predictor done in \d+\.\d s", lines[1])
    assert lines[2:] == ["promopilot: market …"]


def test_on_a_terminal_it_draws_bars_with_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Progress(stream) as progress, progress.stage("predictor"):
        progress("pass 1", 0.5)
        progress("pass 2", 2.0)  # one that counts too far is done, not more
        time.sleep(0.2)  # a few frames
        progress("write", 0.1)
    assert "predictor: pass 2" in stream.getvalue()
    assert "100 %" in stream.getvalue()
    assert "left" in stream.getvalue()
    assert re.search(r"promopilot: predictor done in \d+\.\d s", stream.getvalue())


def test_on_a_terminal_a_stage_has_one_bar_whatever_is_said_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Progress(stream) as progress:
        for name in ("predictor", "train"):
            with progress.stage(name):
                for done in range(6):
                    progress(f"{name}: pass {done}", done / 10)
                    time.sleep(0.11)  # a frame each
        drawn = stream.getvalue()
    assert "\x1b[1A" not in drawn  # never a second line to go back over
    assert "pass 1" in drawn
    assert "pass 5" in drawn
    assert "predictor: predictor" not in drawn  # a label that names its stage says it once
    shown = frames(stream)
    after = shown[next(i for i, text in enumerate(shown) if "predictor done in" in text) :]
    assert not [text for text in after if "predictor: pass" in text]  # its bar went with it
    assert [text for text in after if re.search(r"pass 5.* 50 % left 0:00:0\d", text)]


def test_a_stage_that_reports_nothing_claims_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Progress(stream) as progress, progress.stage("market"):
        time.sleep(0.2)
    assert "market" in stream.getvalue()
    assert "%" not in stream.getvalue()


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with Progress(stream) as progress, progress.stage("market"):
        progress("half", 0.5)
    assert stream.getvalue().splitlines()[0] == "promopilot: market …"
    assert len(stream.getvalue().splitlines()) == 2


def test_a_plain_function_hears_the_start_and_the_end() -> None:
    heard: list[tuple[str, float]] = []
    with stage_of(lambda what, share: heard.append((what, share)), "plan"):
        heard.append(("inside", 0.5))
    assert heard == [("plan", 0.0), ("inside", 0.5), ("plan", 1.0)]
