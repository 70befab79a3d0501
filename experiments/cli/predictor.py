"""`predictor fit`, `predict` and `evaluate`: from tables to a model, to rates and to scores."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.outcome import Outcome, guarded, under_way

app = typer.Typer(
    help="Fit the model that reads promotion texts, predict rates with it, and score it.",
    epilog="Example: promopilot predictor fit --data my-shop/data --out models/my-shop",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"] | None,
    typer.Option("--device", help="Where the network runs (auto: CUDA, else MPS, else CPU)."),
]


@app.command(epilog="Example: promopilot predictor fit --data my-shop/data --out models/my-shop")
@guarded
def fit(
    data: options.Data,
    out: Annotated[
        Path,
        typer.Option("--out", help="A new or empty folder for the model."),
    ],
    config: options.Config = None,
    sets: options.Sets = None,
    device: Device = None,
    earlier: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Go on from this model with what is new in the tables, and keep what it knows.",
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay", help="With --from: a folder with the older tables, where --data lacks them."
        ),
    ] = None,
    logs: Annotated[
        Path | None,
        typer.Option("--tensorboard", help="Also write each pass's losses there for TensorBoard."),
    ] = None,
    overwrite: options.Replace = False,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Fine-tune BERT on a folder of tables; writes the model, metrics.json and model_card.md.

    After Ctrl-C the same command goes on from the last finished pass.
    """
    from promopilot.experiments.cli.settings import configured
    from promopilot.experiments.continuing import told_of
    from promopilot.experiments.progress import Progress
    from promopilot.experiments.scoring import checkpoint_of, fit_from_folder

    def resumable() -> str:
        if out.name and checkpoint_of(out).is_dir():
            return f"kept in {checkpoint_of(out)}: the same command goes on from the last pass"
        return "no pass was finished, and nothing was left half-written"

    under_way.resumable = resumable
    if device is not None:
        sets = [*(sets or ()), f"predictor.device={device}"]
    settings = configured(config, sets, seed)
    with Progress() as progress, progress.stage("predictor fit"):
        how = settings.seed, progress, logs, overwrite
        metrics = fit_from_folder(data, out, settings, *how, earlier, replay)
    found = metrics.get("predictor", {})
    test = found.get("test", {})
    figures = ", ".join(f"{key} {test[key]:.4g}" for key in ("log_loss", "spearman") if key in test)
    wrote = f"Wrote {out}" + (f" ({figures})" if figures else "")
    if "continued" in found:
        wrote += f"\n{told_of(found['continued'])}"
    return Outcome(wrote, metrics)


@app.command(
    epilog="Example: promopilot predictor predict models/my --data my-shop/data --out rates.csv"
)
@guarded
def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A folder of `predictor fit`.")],
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", help="The CSV to write.")] = Path("rates.csv"),
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            "--engine",
            help="ray reads a performance.parquet larger than memory in parts, on all cores or on "
            "`ray.address`.",
        ),
    ] = "local",
    device: Device = None,
    config: options.Config = None,
    sets: options.Sets = None,
    seed: options.UnusedSeed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """Predict rates of the line items and dates in `performance`, else of every line item."""
    from promopilot.experiments.cli.settings import configured
    from promopilot.experiments.progress import Progress
    from promopilot.experiments.scoring import predict_to_csv
    from promopilot.experiments.streaming.rates import stream_to_csv

    settings = configured(config, sets)
    with Progress() as progress, progress.stage("predictor predict"):
        if engine == "ray":
            summary = stream_to_csv(model, data, out, settings.ray, progress, device or "auto")
        else:
            summary = predict_to_csv(model, data, out, progress, device or "auto")
    return Outcome(f"Wrote {out}: {summary['rows']} rows", summary)


@app.command(
    epilog="Example: promopilot predictor evaluate models/my --data my-shop/data --out scores"
)
@guarded
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A folder of `predictor fit`.")],
    data: options.Data,
    out: Annotated[
        Path | None, typer.Option("--out", help="A new folder for evaluation.json and CSV tables.")
    ] = None,
    device: Device = None,
    overwrite: options.Replace = False,
    seed: Annotated[
        int,
        typer.Option("--seed", min=0, max=2**32 - 1, help="Of the draws behind the intervals."),
    ] = 0,
    as_json: options.AsJson = False,
) -> Outcome:
    """Score a model on what it has not learnt from, beside every simpler way of predicting."""
    from promopilot.experiments.evaluating import evaluate_folder
    from promopilot.experiments.progress import Progress

    with Progress() as progress, progress.stage("predictor evaluate"):
        given = (device or "auto", seed, overwrite)
        table, summary = evaluate_folder(model, data, out, progress, *given)
    return Outcome(f"Wrote {out}\n{table}" if out else table, summary)
