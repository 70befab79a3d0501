"""`demo`, `init` and `run`: from nothing, or from a config, to a run folder."""

from pathlib import Path
from typing import Annotated, Any

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.outcome import VERDICT, Outcome, guarded, under_way


def register(app: typer.Typer) -> None:
    """Adds the commands to `app`."""
    app.command(epilog="Example: promopilot demo --out runs/demo --overwrite")(demo)
    app.command(epilog="Example: promopilot init my-shop && promopilot run my-shop/config.yaml")(
        init
    )
    app.command(epilog="Example: promopilot run my-shop/config.yaml --set budget.total=5000")(run)


@guarded
def demo(
    out: Annotated[Path, typer.Option("--out", help="Run folder.")] = Path("runs/demo"),
    sets: options.Sets = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    require: options.Require = None,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Run the whole pipeline on the packaged data and the packaged BERT; needs no network."""
    from promopilot.experiments.cli.settings import packaged

    return _run(packaged("demo"), out, sets, resume, overwrite, require, seed)


@guarded
def run(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML config.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Run folder (default: runs/ and the config's name)")
    ] = None,
    sets: options.Sets = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    require: options.Require = None,
    workers: options.Workers = None,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Run the whole pipeline from a config: data, predictor, market, policies, plan, report."""
    folder = out if out is not None else Path("runs") / run_name(config)
    return _run(config, folder, sets, resume, overwrite, require, seed, workers)


@guarded
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the made-up example history.")] = 0,
    as_json: options.AsJson = False,
) -> Outcome:
    """Write a commented config and a small made-up data folder to start from."""
    from promopilot.experiments.example import write_example

    written = write_example(directory, seed)
    text = (
        f"Wrote {directory}: {', '.join(written)}\n"
        f"Next: promopilot run {directory / 'config.yaml'} --out {Path('runs') / directory.name}"
    )
    return Outcome(text, {"directory": str(directory), "files": written})


def run_name(config: Path) -> str:
    """The default name of a config's run: its own, or its folder's where it is `config.yaml`."""
    return config.resolve().parent.name if config.stem == "config" else config.stem


def _run(
    path: Path,
    out: Path,
    sets: list[str] | None,
    resume: bool,
    overwrite: bool,
    require: str | None,
    seed: int | None,
    workers: int | None = None,
) -> Outcome:
    from promopilot.experiments.cli.settings import configured
    from promopilot.experiments.config import require_data
    from promopilot.experiments.progress import Progress
    from promopilot.experiments.run_folder import RunFolder

    config = configured(path, sets, seed, workers)
    require_data(config)
    folder = RunFolder.open(out, config, resume=resume, overwrite=overwrite)
    under_way.folder = out

    def resumable() -> str:
        kept = ", ".join(folder.finished) or "no stage"
        return f"kept in {out}: {kept}; the same command with --resume goes on from there"

    under_way.resumable = resumable
    from promopilot.experiments.pipeline import run as run_pipeline  # late: imports torch, seconds

    with Progress() as progress:
        result = run_pipeline(config, folder, progress)
    summary = {"run": str(out), **result}
    code = VERDICT if options.falls_short(result.get("verdict"), require) else 0
    return Outcome(_told(out, summary), summary, code)


def _told(out: Path, summary: dict[str, Any]) -> str:
    from promopilot.experiments.report import words

    lines = [f"Run finished: {out}"]
    if "recommended" in summary:
        name = summary["recommended"]
        verdict = summary.get("verdict")
        lines.append(f"Recommended: {name}, the {words.policy(name)} (verdict: {verdict})")
        lines += [f"  - {reason}" for reason in summary.get("reasons", ())]
    made = ("plan.csv", "plan_summary.csv", "columns.md", "metrics.json", "report.html")
    lines += [f"  {out / name}" for name in made if (out / name).exists()]
    return "\n".join(lines)
