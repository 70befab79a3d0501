"""Progress where nobody watches a terminal: one line when a stage starts and one when it ends."""

import contextlib
import io
import re
import time

from promopilot.experiments.progress import Progress, stage_of


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


def test_on_a_terminal_it_draws_bars_with_the_time_left() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

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


def test_a_plain_function_hears_the_start_and_the_end() -> None:
    heard: list[tuple[str, float]] = []
    with stage_of(lambda what, share: heard.append((what, share)), "plan"):
        heard.append(("inside", 0.5))
    assert heard == [("plan", 0.0), ("inside", 0.5), ("plan", 1.0)]
