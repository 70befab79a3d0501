"""`bench`: how fast it is on this machine, written down."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.outcome import Outcome, guarded, under_way


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command(epilog="Example: promopilot bench market --out runs/bench")(bench)


@guarded
def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]…",
            help="Of market, predictor, agents, allocator, ope, import, studio, scale (default: "
            "these; agents takes forty minutes, and goes on where it was stopped, scale an hour), "
            "peers, ope_study.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for bench.json, or a .json file.")
    ] = Path("runs/bench"),
    run: Annotated[
        Path | None, typer.Option("--run", help="A finished run: adds its seconds per stage.")
    ] = None,
    upworthy: Annotated[
        Path | None,
        typer.Option(
            "--upworthy",
            metavar="FILE",
            help="Headline tests: how well the predictor orders unseen ones (three long fits).",
        ),
    ] = None,
    ablations: Annotated[
        bool,
        typer.Option("--ablations", help="With --upworthy: what each part is worth (six more)."),
    ] = False,
    peers_python: Annotated[
        Path | None,
        typer.Option(
            "--peers-python",
            metavar="FILE",
            help="For peers: an interpreter that has the peers (`make bench-peers` installs one).",
        ),
    ] = None,
    seed: options.UnusedSeed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Measure speed and write bench.json; benches not named keep the figures they had.

    Each finished fit of the headline tests is kept beside bench.json, and taken up by the next
    call as long as the predictor's code, the config and the file are the same.
    """
    from promopilot.experiments.bench.suite import FILE, STUDY, HeadlineStudy, measure_all
    from promopilot.experiments.errors import ConfigError
    from promopilot.experiments.progress import Progress

    file = out if out.suffix == ".json" else out / FILE
    study = None
    if upworthy is not None:
        study = HeadlineStudy(upworthy, ablations)
        kept = f"finished fits are kept in {file.parent / STUDY}; the same command goes on there"
        under_way.resumable = lambda: kept
    elif ablations:
        raise ConfigError("--ablations needs --upworthy FILE, the headline tests to fit on")
    with Progress() as progress:
        figures = measure_all(list(names or ()), file, run, progress, study, peers_python)
    lines = [
        f"{name:<10} {_line(figure, row)}"
        for name, rows in figures.items()
        for figure, row in rows.items()
    ]
    text = "\n".join([*lines, f"Wrote {file}"])
    return Outcome(text, json.loads(file.read_text(encoding="utf-8")))


def _line(figure: str, row: dict[str, Any]) -> str:
    """A figure and, where it has one, its goal."""
    line = f"{figure:<46} {row['value']:>14,.6g} {row['unit']}"
    if row["holds"] is None:
        return line
    return f"{line}  goal {row['goal']:,.6g}: {'holds' if row['holds'] else 'missed'}"
