"""`data import`: a platform's export becomes a folder of tables."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.outcome import USER, Outcome, guarded
from promopilot.experiments.importing.headers import Platform


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command(
        "import",
        epilog="Example: promopilot data import --platform google-ads report.csv --out shop/data",
    )(import_)


@guarded
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="Exports of one platform: CSV or text as downloaded, or Excel. Several are put "
            "together.",
        ),
    ],
    platform: Annotated[
        Platform, typer.Option("--platform", help="Whose export it is; generic: any table.")
    ],
    out: Annotated[Path, typer.Option("--out", help="A new or empty folder for the tables.")],
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--mapping",
            metavar="FILE",
            help="YAML that says which column is which, and what promotions, placements and "
            "segments are (default: the platform's usual; the one used is written to --out).",
        ),
    ] = None,
    kind: Annotated[
        Literal["performance", "budgets"],
        typer.Option("--kind", help="What the files hold: what happened, or campaigns' budgets."),
    ] = "performance",
    overwrite: options.Replace = False,
    seed: options.UnusedSeed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Read exports of Google Ads, Meta Ads, Criteo or any table into a folder that `run` uses.

    Encoding, separators, languages, totals and number styles are found. It says what became of
    each column and row; what is derived or assumed is marked in sources.json.
    """
    from promopilot.experiments.importing.budgets import import_budgets
    from promopilot.experiments.importing.mapping import Mapping
    from promopilot.experiments.importing.mapping_file import read_mapping
    from promopilot.experiments.importing.run import import_performance
    from promopilot.experiments.importing.told import as_text
    from promopilot.experiments.progress import Progress

    given = Mapping() if mapping is None else read_mapping(mapping, platform)
    with Progress() as progress, progress.stage("data import"):
        if kind == "budgets":
            summary = import_budgets(files, platform, given, out, progress, overwrite)
            return Outcome(f"{as_text(summary)}\nWrote {out / 'budgets.csv'}", summary)
        summary = import_performance(files, platform, given, out, progress, overwrite)
        checked, lines = _checked(out)
    summary |= checked
    text = "\n".join([as_text(summary), *lines, f"next: {summary['next']}"])
    return Outcome(text, summary, 0 if summary["ok"] else USER)


def _checked(out: Path) -> tuple[dict[str, Any], list[str]]:
    """What `data check` says of the folder, for programs and for people."""
    from promopilot.experiments.tables import check_tables
    from promopilot.experiments.tables.telling import sentences_of, summary_of, verdict_of

    report = check_tables(out)
    found = summary_of(report)
    kept = {name: found[name] for name in ("ok", "problems", "warnings")}
    lines = [line for line in sentences_of(report) if not line.startswith("note: ")]
    kept["next"] = f"promopilot data check {out}"
    return kept, [*lines, f"Wrote {out}; it {verdict_of(report)}"]
