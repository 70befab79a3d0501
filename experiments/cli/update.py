"""`update`: take in what happened and plan the rest of the flight."""

from pathlib import Path
from typing import Annotated, Any

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.outcome import Outcome, guarded, under_way


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command(epilog="Example: promopilot update runs/shop --actuals export.csv")(update)


@guarded
def update(
    run: options.Run,
    actuals: Annotated[
        Path,
        typer.Option(
            "--actuals",
            metavar="FILE",
            help="What happened, CSV or Parquet in the columns of performance: the whole flight to "
            "date, which is best since late conversions raise earlier days, or only new days.",
        ),
    ],
    prices: Annotated[
        Path | None,
        typer.Option(
            "--prices",
            metavar="FILE",
            help="This morning's prices: date, placement_id, cpm (default: as expected from what "
            "was last paid).",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder to write to (default: RUN/updates/DATE). The next update reads what is in "
            "RUN alone.",
        ),
    ] = None,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Take in what happened so far and plan the rest of the flight; the run's plan stays.

    Days must follow each other without a gap. Rows that were given before change nothing; a later
    reading of a day (as_of) takes the earlier one's place. Delete RUN/updates to begin anew.
    """
    from promopilot.experiments.progress import Progress
    from promopilot.experiments.run_folder import RunFolder

    folder = RunFolder.existing(run)
    under_way.folder = run
    from promopilot.experiments.update.command import update_run

    used_seed = folder.config.seed if seed is None else seed
    with Progress() as progress:
        result = update_run(run, folder.config, actuals, prices, out, used_seed, progress)
    return Outcome("\n".join(_lines(result)), result)


def _lines(result: dict[str, Any]) -> list[str]:
    money, budget = result["currency"], result["budget"]
    lines = [f"note: {note}" for note in result["taken"]["notes"]]
    lines += [f"warning: {alarm['text']}" for alarm in result["alarms"]]
    if budget["overspent"] > 0:
        lines.append(f"warning: {budget['overspent']:,.2f} {money} more than the budget are gone")
    days = result["days_taken"] + result["days_left"]
    lines.append(
        f"{result['days_taken']} of {days} days are over: {budget['spent']:,.2f} {money} spent, "
        f"{budget['left']:,.2f} left"
    )
    if "planned" in result:
        lines.append(
            f"Wrote {result['folder']}: from {result['date']} on "
            f"{result['planned']['rest']:,.2f} {money} are planned, "
            f"{result['planned']['promotions_changed']} of {len(result['promotions'])} promotions "
            "differently than before"
        )
    else:
        lines.append(f"Wrote {result['folder']}: the flight is over, nothing is left to plan")
    return lines
