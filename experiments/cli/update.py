"""`update`: take in what happened and plan the rest of the flight."""

from pathlib import Path
from typing import Annotated, Any, Literal

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
    limits: Annotated[
        Path | None,
        typer.Option(
            "--limits",
            metavar="FILE",
            help="Limits (YAML) in place of those in force, from today on: later updates keep "
            "them. RUN/market/limits.yaml brings the run's own back.",
        ),
    ] = None,
    file_format: Annotated[
        Literal["csv", "google-ads", "meta-ads"],
        typer.Option(
            "--format",
            help="Beside the table a platform's bulk files of campaigns' budgets, in a folder of "
            "that name.",
        ),
    ] = "csv",
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
    from promopilot.experiments.update.command import Asked, update_run

    used_seed = folder.config.seed if seed is None else seed
    with Progress() as progress:
        asked = Asked(actuals, prices, limits, file_format, out)
        result = update_run(run, folder.config, asked, used_seed, progress)
    return Outcome("\n".join(_lines(result)), result)


def _lines(result: dict[str, Any]) -> list[str]:
    from promopilot.experiments.report.update_sentences import aim, quiet

    money, budget = result["currency"], result["budget"]
    lines = [f"note: {note}" for note in result["taken"]["notes"]]
    lines += [f"warning: {alarm['text']}" for alarm in result["alarms"]]
    if budget["overspent"] > 0:
        lines.append(f"warning: {budget['overspent']:,.2f} {money} more than the budget are gone")
    lines += [quiet(result)] if not result["alarms"] else []
    days = result["days_taken"] + result["days_left"]
    lines.append(
        f"{result['days_taken']} of {days} days are over: {budget['spent']:,.2f} {money} spent, "
        f"{budget['left']:,.2f} left"
    )
    lines += [aim(result["target"])] if "target" in result else []
    return [*lines, _written(result)]


def _written(result: dict[str, Any]) -> str:
    """Where the files are, and how much of the plan is new."""
    if "planned" not in result:
        return f"Wrote {result['folder']}: the flight is over, nothing is left to plan"
    text = (
        f"Wrote {result['folder']}: from {result['date']} on {result['planned']['rest']:,.2f} "
        f"{result['currency']} are planned, {result['planned']['promotions_changed']} of "
        f"{len(result['promotions'])} promotions differently than before"
    )
    if result["format"] != "csv":
        text += f"; upload the files in {Path(result['folder']) / result['format']}"
    return text
