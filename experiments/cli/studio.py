"""`studio`: a local page to play in."""

from pathlib import Path
from typing import Annotated

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.outcome import Outcome, guarded


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command(epilog="Example: promopilot studio runs/my-shop")(studio)


@guarded
def studio(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run.")],
    address: Annotated[
        str, typer.Option("--address", help="Whom to listen to; the default is this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, help="Where this machine serves the page.")
    ] = 8501,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Whether to open the page in a browser.")
    ] = True,
    seed: options.UnusedSeed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Open a page to move budget and limits in, and see plan, curves and profit at once.

    Ends with Ctrl-C. Nothing is written into the run; plans and limits can be downloaded.
    """
    from promopilot.experiments.studio.serve import serve
    from promopilot.experiments.studio.what_if import open_shop

    open_shop(run)  # so that a fault of the folder is said here and not on the page
    serve(run, address, port, browser)
    return Outcome("The studio is closed.", {"run": str(run)})
