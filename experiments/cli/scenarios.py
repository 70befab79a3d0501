"""`scenarios`: what other budgets, targets and limits would mean for a run's plan."""

from pathlib import Path
from typing import Annotated

import typer

from promopilot.experiments.cli import options
from promopilot.experiments.cli.outcome import Outcome, guarded, under_way


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command(epilog="Example: promopilot scenarios runs/demo --target-roas 4")(scenarios)


def _target(name: str, text: str) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(f"--target-{name}", min=0.0, help=text)
    return info


@guarded
def scenarios(
    run: options.Run,
    budget: Annotated[
        list[float] | None,
        typer.Option("--budget", help="A budget to plan; repeats (default: a grid)."),
    ] = None,
    limits: options.Limits = None,
    roas: Annotated[float | None, _target("roas", "Largest budget that keeps this ROAS.")] = None,
    poas: Annotated[float | None, _target("poas", "Largest budget that keeps this POAS.")] = None,
    cpa: Annotated[float | None, _target("cpa", "Largest budget that keeps this CPA.")] = None,
    conversions: Annotated[
        float | None, _target("conversions", "Least budget that brings so many conversions.")
    ] = None,
    revenue: Annotated[
        float | None, _target("revenue", "Least budget that brings so much conversion value.")
    ] = None,
    profit: Annotated[
        float | None, _target("profit", "Least budget that brings so much profit before media.")
    ] = None,
    net_profit: Annotated[
        float | None, _target("net-profit", "Least budget that brings so much after media.")
    ] = None,
    flights: Annotated[
        int | None,
        typer.Option(
            "--flights", min=2, help="Simulated flights per budget (default: the plan's own)."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="JSON",
            help="Where to write, a CSV beside it (default: RUN/scenarios.json; with --limits "
            "RUN/scenarios-FILE.json, since the report shows the run's own).",
        ),
    ] = None,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """What more or less budget would bring, where it stops paying, and what limits cost."""
    targets = {"roas": roas, "poas": poas, "cpa": cpa, "conversions": conversions}
    targets |= {"revenue": revenue, "profit": profit, "net_profit": net_profit}
    place = _place(run, limits, out)
    _check_budgets(budget or [])
    return _answered(run, budget or [], limits, targets, flights, seed, place)


def _place(run: Path, limits: Path | None, out: Path | None) -> Path:
    """Where the document goes.

    Raises:
        ConfigError: `--out` names no JSON file.
    """
    from promopilot.experiments.errors import ConfigError
    from promopilot.experiments.scenarios.document import SCENARIOS

    if out is None:
        return run / (SCENARIOS if limits is None else f"scenarios-{limits.stem}.json")
    if out.suffix != ".json":
        raise ConfigError(f"--out {out}: name a file that ends in .json; its CSV goes beside it")
    return out


def _check_budgets(budgets: list[float]) -> None:
    from promopilot.experiments.config import check_budget

    for amount in budgets:
        check_budget(amount, "--budget")


def _answered(
    run: Path,
    budgets: list[float],
    limits: Path | None,
    targets: dict[str, float | None],
    flights: int | None,
    seed: int | None,
    place: Path,
) -> Outcome:
    from promopilot.experiments.progress import Progress
    from promopilot.experiments.scenarios.document import scenarios_of, write_scenarios
    from promopilot.experiments.scenarios.planner import open_planner
    from promopilot.experiments.scenarios.target import Target
    from promopilot.experiments.scenarios.told import told

    with Progress() as progress, progress.stage("scenarios"):
        planner = open_planner(run, seed, flights, limits)
        under_way.folder = run
        asked = [Target(name, value) for name, value in targets.items() if value is not None]
        document = scenarios_of(planner, budgets, asked, progress)
        written = write_scenarios(document, place)
    return Outcome(told(document, written), document)
