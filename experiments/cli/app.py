"""The application: every command, each named once."""

from importlib import metadata
from typing import Annotated

import typer

from promopilot.experiments.cli import (
    bench,
    compare,
    data,
    doctor,
    ope,
    predictor,
    results,
    run,
    scenarios,
    studio,
    train,
    tune,
    update,
)

app = typer.Typer(
    name="promopilot",
    help="From promotions, their history and a budget to a day-by-day plan, with the evidence.",
    epilog="Example: promopilot demo --out runs/demo",
    rich_markup_mode=None,  # plain help: quick, and the same in a pipe
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(metadata.version("promopilot"))
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for module in (run, train, tune, results, update, scenarios, compare, studio, ope, doctor, bench):
    module.register(app)
app.add_typer(data.app, name="data")
app.add_typer(predictor.app, name="predictor")
