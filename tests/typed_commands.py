"""Commands as pages of the documentation show them, run as if typed."""

import shlex
from pathlib import Path
from urllib.request import urlopen

from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.config_yaml import read_yaml, to_yaml
from tests.small_shop import SMALL
from tests.studio.serving import serving


def typed(line: str, *more: str) -> str:
    """Standard output of a command that ends well; of the studio, the page that it serves.

    Args:
        line: As it stands on the page, with or without a comment.
        more: Arguments that make it quick.
    """
    program, *arguments = shlex.split(line, comments=True)
    assert program == "promopilot"
    if arguments[0] == "studio":
        with serving(arguments) as address, urlopen(address) as answer:
            assert answer.status == 200
            return str(answer.read().decode())
    done = CliRunner().invoke(app, [*arguments, *more])
    assert done.exit_code == 0, f"{line}\n{done.output}"
    return done.stdout


def look_through(config: Path, days: int = 7) -> None:
    """Change a config that `init` wrote so that a run takes seconds; its BERT stands beside."""
    given = read_yaml(config.read_text(encoding="utf-8"), str(config))
    for section, changes in read_yaml(SMALL, "small").items():
        given[section] |= changes
    given["predictor"]["base_model"] = "../bert"
    given["flight"]["days"] = days
    config.write_text(to_yaml(given), encoding="utf-8")


def small_sets() -> list[str]:
    """The same as options, for a command without such a file; BERT in the folder one is in."""
    found: list[str] = []
    for section, changes in read_yaml(SMALL, "small").items():
        for key, value in changes.items():
            parts = value if isinstance(value, dict) else {"": value}
            for name, part in parts.items():
                found += ["--set", f"{section}.{key}.{name}".rstrip(".") + f"={part}"]
    return found
