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
            help="Where to write, a CSV beside it (default: RUN/scenarios.json).",
        ),
    ] = None,
    seed: options.Seed = None,
    as_json: options.AsJson = False,
) -> Outcome:
    """What more or less budget would bring, where it stops paying, and what limits cost."""
    from promopilot.experiments.config import check_budget
    from promopilot.experiments.errors import ConfigError
    from promopilot.experiments.progress import Progress

    asked = {
        "roas": roas,
        "poas": poas,
        "cpa": cpa,
        "conversions": conversions,
        "revenue": revenue,
        "profit": profit,
        "net_profit": net_profit,
    }
    for amount in budget or ():
        check_budget(amount, "--budget")
    if out is not None and out.suffix != ".json":
        raise ConfigError(f"--out {out}: name a file that ends in .json; its CSV goes beside it")
    from promopilot.experiments.scenarios.document import (
        SCENARIOS,
        scenarios_of,
        write_scenarios,
    )
    from promopilot.experiments.scenarios.planner import open_planner
    from promopilot.experiments.scenarios.targets import Target
    from promopilot.experiments.scenarios.told import told

    planner = open_planner(run, seed, flights)
    under_way.folder = run
    targets = [Target(name, value) for name, value in asked.items() if value is not None]
    with Progress() as progress, progress.stage("scenarios"):
        document = scenarios_of(planner, budget or (), targets, progress)
        written = write_scenarios(document, run / SCENARIOS if out is None else out)
    return Outcome(told(document, written), document)
