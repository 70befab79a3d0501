"""Progress where nobody watches a terminal: one line when a stage starts and one when it ends."""

import io
import re

from promopilot.experiments.progress import Progress


def test_without_a_terminal_a_stage_has_a_line_at_its_start_and_its_end() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        for share in (0.0, 0.2, 0.7, 1.0):
            progress("predictor", share)
        progress("market", 0.0)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "promopilot: predictor …"
    assert re.fullmatch(r"promopilot: predictor done in \d+\.\d s", lines[1])
    assert lines[2:] == ["promopilot: market …"]


def test_on_a_terminal_it_draws_bars_with_the_time_left() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Progress(stream) as progress:
        progress("predictor", 0.5)
        progress("predictor", 2.0)  # a stage that counts too far is done, not more
    assert "predictor" in stream.getvalue()
    assert "100 %" in stream.getvalue()
    assert "left" in stream.getvalue()
