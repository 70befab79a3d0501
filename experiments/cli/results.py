"""`simulate`, `plan` and `report`: what a finished run has to say."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.outcome import Outcome, guarded, under_way
from promopilot.experiments.cli.policy_tables import policy_table, stress_table


def register(app: typer.Typer) -> None:
    """Adds the commands to `app`."""
    app.command(epilog="Example: promopilot simulate runs/demo --policy replanner --flights 64")(
        simulate
    )
    app.command(epilog="Example: promopilot plan runs/demo --budget 20000 --out plan.csv")(plan)
    app.command(epilog="Example: promopilot report runs/demo")(report)


@guarded
def simulate(
    run: options.Run,
    policy: Annotated[
        list[str] | None, typer.Option("--policy", help="A policy's name; repeats (default: all).")
    ] = None,
    flights: Annotated[int, typer.Option("--flights", min=2, help="How many flights.")] = 512,
    stress: Annotated[
        bool,
        typer.Option(
            "--stress",
            help="Also play markets that are not as believed, on at most as many of the flights as "
            "the config says (simulate.flights_stress, .flights_lookahead).",
        ),
    ] = False,
    trained: Annotated[
        Path | None,
        typer.Option(
            "--trained",
            metavar="POLICY",
            help="Play what `train` wrote there in place of the run's own trained policies.",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            "--log",
            metavar="DIR",
            help="Also log as many flights for `ope` into a new folder: log.parquet, blocks filled "
            "by the first --policy (default: replanner), and, with several policies, "
            "sequential.parquet, days decided by one of them at random.",
        ),
    ] = None,
    minari: Annotated[
        str | None,
        typer.Option(
            "--minari",
            metavar="DATASET_ID",
            help="Also record the flights of the one --policy as a Minari dataset, "
            "e.g. shop/replanner-v0.",
        ),
    ] = None,
    workers: options.Workers = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            help="The Ray cluster of --workers (default: ray.address of the run's config).",
        ),
    ] = None,
    out: options.SummaryOut = None,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Compare policies on the same flights of a run's market."""
    from promopilot.experiments.atomic import write_text_atomic
    from promopilot.experiments.errors import ConfigError
    from promopilot.experiments.progress import Progress
    from promopilot.experiments.run_folder import RunFolder

    folder = RunFolder.existing(run)
    under_way.folder = run
    from promopilot.experiments.recording import record_run
    from promopilot.experiments.simulation import simulate_run
    from promopilot.experiments.spreading.workers import spread_over

    given = {"workers": workers, "address": address}
    asked = {name: value for name, value in given.items() if value is not None}
    ray = folder.config.ray.model_copy(update=asked)
    if address is not None and ray.workers == 0:
        raise ConfigError(f"--address {address} is where --workers are, and none are asked for")
    used_seed = folder.config.seed if seed is None else seed
    names = list(policy or ())
    with Progress() as progress:
        recorded = record_run(
            run, names, flights, folder.config.ope, used_seed, log, minari, progress
        )
        with progress.stage("simulate"), spread_over(ray) as spread:
            sizes = folder.config.simulate if stress else None
            result = simulate_run(run, names, flights, used_seed, progress, sizes, trained, spread)
    result |= recorded
    if out is not None:
        write_text_atomic(out, json.dumps(result, indent=2) + "\n")
    told = [policy_table(result["policies"])]
    told += [stress_table(result["stress"])] if stress else []
    return Outcome("\n".join([*told, *_recorded(recorded)]), result)


@guarded
def plan(
    run: options.Run,
    budget: Annotated[
        float | None, typer.Option("--budget", help="Money for the flight (default: the run's).")
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(
            "--start",
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="First day of another window, the run's own or later, e.g. 2025-06-01.",
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=366, help="Length of the window (default: the run's)."),
    ] = None,
    limits: options.Limits = None,
    by: Annotated[Literal["day", "week"], typer.Option("--by", help="Rows are per …")] = "day",
    level: Annotated[
        Literal["line_item", "promotion"], typer.Option("--level", help="Rows are per day and …")
    ] = "line_item",
    file_format: Annotated[
        Literal["csv", "xlsx", "google-ads", "meta-ads"],
        typer.Option(
            "--format",
            help="A table, an Excel workbook, or a platform's bulk files of campaigns' budgets.",
        ),
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The file to write, or the folder of bulk files (in RUN)."),
    ] = None,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Export a run's plan as CSV, with columns.md beside it; exit 2 if it is infeasible."""
    from promopilot.experiments.config import check_budget
    from promopilot.experiments.progress import Progress
    from promopilot.experiments.run_folder import RunFolder

    if budget is not None:
        check_budget(budget, "--budget")
    folder = RunFolder.existing(run)
    under_way.folder = run
    from promopilot.experiments.plan.asked import Asked
    from promopilot.experiments.plan.export import export_plan

    used_seed = folder.config.seed if seed is None else seed
    first = None if start is None else start.date()
    asked = Asked(budget, first, days, limits, by, level, file_format, out)
    with Progress() as progress, progress.stage("plan"):
        result = export_plan(run, asked, used_seed, progress)
    return Outcome(_planned(result, folder.config.currency), result)


def _planned(result: dict[str, Any], money: str) -> str:
    """What a plan came to."""
    spent = f"{result['planned_budget']:,.2f} of {result['budget']:,.2f} {money} planned"
    if result["held_for_subsidy"] > 0:
        spent += f"; {result['held_for_subsidy']:,.2f} more are held for discounts"
    if result["kept"] >= 0.01 * result["budget"]:
        spent += "; the rest is kept, since more would not pay, finds no impressions or is limited"
    lines = [f"Wrote {result['plan']}: {result['rows']} rows, {spent}"]
    if len(result["files"]) > 1:
        lines[0] = (
            f"Wrote {len(result['files']) - 1} files and README.txt to {result['plan']}: {spent}. "
            "Platforms may spend more than a daily budget on a day; README.txt says how much"
        )
    if result["unchanged_because"]:
        lines.append(f"Nothing changes: {result['unchanged_because']}")
    else:
        counts = ", ".join(f"{rows:,} {word}" for word, rows in result["changes"].items())
        lines.append(f"Rows: {counts}")
    return "\n".join([*lines, *(f"Note: {note}" for note in result["notes"])])


@guarded
def report(
    run: options.Run,
    out: Annotated[
        Path | None, typer.Option("--out", help="The page to write (default: RUN/report.html).")
    ] = None,
    language: Annotated[
        Literal["en", "zh"] | None,
        typer.Option("--language", help="English or Chinese (default: report.language)."),
    ] = None,
    seed: options.UnusedSeed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Write a run's report as one self-contained HTML file."""
    from promopilot.experiments.atomic import write_text_atomic
    from promopilot.experiments.run_folder import RunFolder

    RunFolder.existing(run)
    under_way.folder = run
    from promopilot.experiments.report import render_report

    page = out if out is not None else run / "report.html"
    write_text_atomic(page, render_report(run, language))
    return Outcome(f"Wrote {page}", {"report": str(page)})


def _recorded(recorded: dict[str, Any]) -> list[str]:
    lines = []
    for file, rows in recorded.get("log", {}).get("files", {}).items():
        lines.append(f"Wrote {file}: {rows:,} decisions")
    if "minari" in recorded:
        dataset = recorded["minari"]
        lines.append(
            f"Wrote {dataset['folder']}: dataset {dataset['dataset_id']}, "
            f"{dataset['episodes']:,} flights"
        )
    return lines
