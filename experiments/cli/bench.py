"""`bench`: how fast it is on this machine, written down."""

import json
from pathlib import Path
from typing import Annotated

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.outcome import Outcome, guarded


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command(epilog="Example: promopilot bench market --out runs/bench")(bench)


@guarded
def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help="Of market, predictor, agents (default: all)."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for bench.json, or a .json file.")
    ] = Path("runs/bench"),
    run: Annotated[
        Path | None, typer.Option("--run", help="A finished run: adds its seconds per stage.")
    ] = None,
    seed: options.UnusedSeed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Measure speed and write bench.json; benches not named keep the figures they had."""
    from promopilot.experiments.bench.suite import FILE, measure_all
    from promopilot.experiments.progress import Progress

    file = out if out.suffix == ".json" else out / FILE
    with Progress() as progress:
        figures = measure_all(list(names or ()), file, run, progress)
    lines = [
        f"{name:<10} {figure:<40} {row['value']:>14,.6g} {row['unit']}"
        + ("" if row["holds"] is None else f"  goal {row['goal']:,.6g}: {_held(row['holds'])}")
        for name, rows in figures.items()
        for figure, row in rows.items()
    ]
    text = "\n".join([*lines, f"Wrote {file}"])
    return Outcome(text, json.loads(file.read_text(encoding="utf-8")))


def _held(holds: bool) -> str:
    return "holds" if holds else "missed"
