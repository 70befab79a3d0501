"""`train`: from tables and a predictor to a policy."""

from pathlib import Path
from typing import Annotated, Any

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.outcome import Outcome, guarded, under_way

_ENDS = {
    "done": "",
    "early": "; it stopped early, as nothing better came for a while",
    "diverged": "; it stopped as its weights were no numbers any longer, and kept the best before",
}


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command(
        epilog="Example: promopilot train --data my-shop/data --predictor models/my-shop "
        "--agent ppo --out policies/my-shop"
    )(train)


@guarded
def train(
    data: options.Data,
    predictor: Annotated[
        Path, typer.Option("--predictor", help="A folder of `predictor fit`, or of a run.")
    ],
    out: Annotated[Path, typer.Option("--out", help="A new or empty folder for the policy.")],
    agent: Annotated[
        str,
        typer.Option(
            "--agent", metavar="ppo|dqn", help="Sets prices (ppo) or picks presets (dqn)."
        ),
    ] = "ppo",
    config: options.Config = None,
    sets: options.Sets = None,
    logs: Annotated[
        Path | None,
        typer.Option("--tensorboard", help="Also write figures by step there for TensorBoard."),
    ] = None,
    overwrite: options.Replace = False,
    workers: options.Workers = None,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Learn a policy in the market that tables and a predictor make.

    After Ctrl-C the same command goes on from the last measure, to the same weights.
    """
    from promopilot.experiments.cli.settings import configured
    from promopilot.experiments.learning import chosen_agent, train_from_folder
    from promopilot.experiments.progress import Progress
    from promopilot.experiments.scoring import checkpoint_of

    def resumable() -> str:
        if out.name and checkpoint_of(out).is_dir():
            return f"kept in {checkpoint_of(out)}: the same command goes on from the last measure"
        return "nothing was measured yet, and nothing was left half-written"

    under_way.resumable = resumable
    chosen = chosen_agent(agent)
    settings = configured(config, sets, seed, workers)
    with Progress() as progress, progress.stage("train"):
        told = train_from_folder(data, predictor, chosen, out, settings, progress, logs, overwrite)
    text = (
        f"Wrote {out}: {_gain(told)}{_ENDS[told['stopped']]}\n"
        f"Next: promopilot simulate RUN --trained {out} --policy {agent}"
    )
    return Outcome(text, told)


def _gain(told: dict[str, Any]) -> str:
    best = told["best"]
    practice = f"after {best['steps']:,.0f} days of practice"
    if best["steps"] == 0:
        practice = "to which practice added nothing"
    return (
        f"{best['gain_pct']:+.2f} % against the daily re-optimiser on the validation flights, "
        f"{practice}"
    )
