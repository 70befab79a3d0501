"""`compare`: plans and runs side by side, or a plan beside what then happened."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.outcome import Outcome, guarded


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command(
        epilog="Example: promopilot compare runs/demo "
        "runs/demo/plans/plan-0a1b2c3d4e5f-day-line_item.csv"
    )(compare)


@guarded
def compare(
    plans: Annotated[
        list[Path], typer.Argument(metavar="PLAN…", help="Run folders or plan.csv files.")
    ],
    actuals: Annotated[
        Path | None,
        typer.Option(
            "--actuals",
            metavar="FILE",
            help="What happened, with the columns of performance, beside the one plan named.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where compare.html and compare.csv go.")
    ] = Path(),
    language: Annotated[
        Literal["en", "zh"] | None,
        typer.Option(
            "--language",
            help="English or Chinese (default: report.language of the first run named).",
        ),
    ] = None,
    seed: options.UnusedSeed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Set plans or runs side by side, or a plan beside what then happened."""
    from promopilot.experiments.comparing import document, told
    from promopilot.experiments.progress import Progress

    with Progress() as progress, progress.stage("compare"):
        if actuals is None:
            found = document.compared(plans)
            table = document.compared_csv(found)
        else:
            found = document.held_against(plans, actuals)
            table = document.held_csv(found)
        # Late: the drawing library takes a moment.
        from promopilot.experiments.report.compared import render_comparison
        from promopilot.experiments.report.compared_actuals import render_actuals

        render = render_comparison if actuals is None else render_actuals
        page = render(found, language or document.language_of(plans))
        written = _write(out, page, table)
    tell = told.told_plans if actuals is None else told.told_actuals
    summary = found | {"page": str(written[0]), "table": str(written[1])}
    return Outcome(tell(found, written), summary)


def _write(out: Path, page: str, table: str) -> list[Path]:
    """Page and table in a folder, which is made where it is absent."""
    from promopilot.experiments.atomic import write_text_atomic
    from promopilot.experiments.errors import RunFolderError

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise RunFolderError(f"cannot write to {out}: {reason}") from error
    written = [out / "compare.html", out / "compare.csv"]
    write_text_atomic(written[1], table)
    write_text_atomic(written[0], page)
    return written
