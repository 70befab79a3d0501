"""`tune`: which settings of an agent do best."""

from pathlib import Path
from typing import Annotated, Any

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.outcome import Outcome, guarded, under_way
from promopilot.experiments.cli.run import run_name


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command(epilog="Example: promopilot tune configs/tune.yaml --trials 16 --out runs/tune")(
        tune
    )


@guarded
def tune(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="A YAML config with `tune.space`.")
    ],
    trials: Annotated[
        int | None,
        typer.Option("--trials", min=1, help="In all (default: 16, or the whole grid)."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The search's folder (default: runs/ and the config's name)."),
    ] = None,
    sets: options.Sets = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on; finished trials are not repeated.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete the search in --out first.")
    ] = False,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Search settings of an agent with Ray Tune, on this machine or on `ray.address`.

    Trials are compared by their gain over the daily re-optimiser on the validation flights. Writes
    trials.csv, best.yaml, which `promopilot run` takes as it is, and report.html.
    """
    from promopilot.experiments.progress import Progress
    from promopilot.experiments.tuning.search import search
    from promopilot.experiments.tuning.trial import load_trials

    folder = out if out is not None else Path("runs") / run_name(config)

    def resumable() -> str:
        over = sum(trial.is_over for trial in load_trials(folder))
        return (
            f"{over} trials are over and kept in {folder}: the same command with --resume goes on "
            "with the others where they were"
        )

    under_way.folder, under_way.resumable = folder, resumable
    overrides = [*(sets or ()), *(() if seed is None else (f"seed={seed}",))]
    with Progress() as progress:
        summary = search(config, folder, overrides, trials, resume, overwrite, progress)
    return Outcome(_told(summary), summary)


def _told(summary: dict[str, Any]) -> str:
    best, counts = summary["best"], summary["trials"]
    values = "\n".join(f"  {path} = {value}" for path, value in best["parameters"].items())
    return (
        f"{sum(counts.values())} trials: {counts['finished']} to their end, {counts['stopped']} "
        f"stopped early, {counts['failed']} failed\n"
        f"Best: trial {best['trial']}, {best['gain_pct']:+.2f} % against the daily re-optimiser on "
        f"the flights that chose it\n{values}\n"
        + "\n".join(f"  {file}" for file in summary["files"])
        + f"\nNext: promopilot run {summary['search']}/best.yaml"
    )
