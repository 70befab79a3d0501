"""`ope`: what logged decisions say about other policies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.ope_tables import candidates_table, evaluation_text
from promopilot.experiments.cli.outcome import VERDICT, Outcome, guarded

if TYPE_CHECKING:
    from promopilot.experiments.cluster.settings import RaySettings
    from promopilot.experiments.ope.bandit.blocks import Engine
    from promopilot.experiments.ope.inputs import Inputs


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command(epilog="Example: promopilot ope log.csv --policy policy.csv --out runs/ope")(ope)


@guarded
def ope(
    log: Annotated[
        Path,
        typer.Argument(
            metavar="LOG",
            help="Logged decisions, CSV or Parquet; its columns tell the kind: position (lists), "
            "propensity_density (amounts), episode_id (sequences), none of them (one choice each).",
        ),
    ],
    policy: Annotated[
        list[str],
        typer.Option(
            "--policy",
            metavar="FILE|RUN|NAME",
            help="What to judge: a policy file, a run (its plan, on a log of its market), or "
            "uniform, logged, always:ACTION. Repeats: candidates are compared on the same log.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="Folder for ope.json, CSV tables and report.html; an earlier evaluation in it is "
            "replaced, other files stay.",
        ),
    ],
    qhat: Annotated[
        Path | None, typer.Option("--qhat", help="Reward estimates to use (default: fitted).")
    ] = None,
    action_features: Annotated[
        Path | None,
        typer.Option(
            "--action-features",
            help="What actions have in common, for estimators that pool like ones.",
        ),
    ] = None,
    behavior: Annotated[
        Path | None,
        typer.Option(
            "--behavior", help="The logging policy's probabilities of all actions, as --policy's."
        ),
    ] = None,
    estimator: Annotated[
        list[str] | None,
        typer.Option(
            "--estimator",
            metavar="NAME[:PARAM=VALUE,…]",
            help="An estimator; repeats (default: the usual ones of the kind). What is not set is "
            "chosen from the log.",
        ),
    ] = None,
    language: Annotated[
        Literal["en", "zh"] | None,
        typer.Option(
            "--language", help="Of the page, English or Chinese (default: report.language)."
        ),
    ] = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            "--engine",
            help="What works on the log: this process, or workers on this machine or the cluster "
            "of ray.address; with the same result.",
        ),
    ] = "local",
    config: options.Config = None,
    sets: options.Sets = None,
    require: options.Require = None,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Evaluate policies from logged decisions, with intervals, diagnostics and a verdict.

    Writes one page to read, report.html, and the same figures as ope.json and CSV. With several
    policies their comparison is selection.json, and each one's figures are in candidates/.
    """
    from dataclasses import replace

    from promopilot.experiments.cli.settings import configured
    from promopilot.experiments.ope.command import evaluate_files, evaluate_policies
    from promopilot.experiments.ope.inputs import Inputs
    from promopilot.experiments.progress import Progress
    from promopilot.experiments.report.language import speaking

    settings = configured(config, sets, seed)
    inputs = Inputs(log, policy[0], qhat, action_features, behavior, tuple(estimator or ()))
    given = settings.ope, settings.seed
    summary: dict[str, Any]
    with (
        speaking(language or settings.report.language),
        _reducing(engine, settings.ray, inputs, policy) as reduce,
        Progress() as progress,
    ):
        inputs = replace(inputs, engine=reduce)
        if len(policy) == 1:
            summary = evaluate_files(inputs, out, *given, progress)
            text, verdict = evaluation_text(summary), summary["verdict"]
        else:
            results, selection = evaluate_policies(inputs, policy, out, *given, progress)
            summary = {"selection": selection, "candidates": results}
            text, verdict = candidates_table(selection), selection["verdict"]
    code = VERDICT if options.falls_short(verdict, require) else 0
    return Outcome(f"{text}\nWrote {out}; read {out / 'report.html'}", summary, code)


@contextmanager
def _reducing(
    engine: str, ray: "RaySettings", inputs: "Inputs", policies: list[str]
) -> Iterator["Engine | None"]:
    """Workers where they are asked for."""
    if engine == "local":
        yield None
        return
    from promopilot.experiments.ope_workers.engine import workers

    files = [*inputs.paths, *(Path(policy) for policy in policies)]
    with workers(ray, inputs.log, files) as reduce:
        yield reduce
