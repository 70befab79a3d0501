"""What each stage of the pipeline does; the order stands in `pipeline`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from promopilot.agents.policy import Policy
from promopilot.agents.rollout import Rollout
from promopilot.agents.spread import here
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world, save_world
from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.config import RunConfig
from promopilot.experiments.currency import require_currency
from promopilot.experiments.dates import (
    Dates,
    require_conversions,
    require_history,
    resolve_dates,
)
from promopilot.experiments.explanations import EXPLANATIONS, explain_run
from promopilot.experiments.hosting import predictor_host
from promopilot.experiments.limits.file import read_limits
from promopilot.experiments.limits.of_run import save_unlimited
from promopilot.experiments.limits.targets import aimed
from promopilot.experiments.manifest import write_manifest
from promopilot.experiments.metrics import METRICS, SCORES, SOURCES
from promopilot.experiments.parts import parts_before, rows_of
from promopilot.experiments.plan.export import LINE_ITEMS, make_plan, read_items, write_plan
from promopilot.experiments.policies import BOUND, HINDSIGHT, available, make_policy, usable
from promopilot.experiments.progress import Progress
from promopilot.experiments.run_folder import CHECKPOINT, COURSE, RunFolder
from promopilot.experiments.seeds import Seeds
from promopilot.experiments.simulation import (
    SIMULATIONS,
    Flights,
    Wanted,
    hindsight_bound,
    play_each,
    read_simulations,
    summarise,
)
from promopilot.experiments.tables import Tables, read_tables

if TYPE_CHECKING:
    from promopilot.predictors import PredictorHost


class Stages:
    """The stages of one run; each method writes into the folder it is given.

    Args:
        config: The run's config.
        folder: Where finished stages are.
        progress: Told what is going on and the share done.
    """

    def __init__(self, config: RunConfig, folder: RunFolder, progress: Progress) -> None:
        self.config = config
        self.run = folder.path
        self.progress = progress
        self.seeds = Seeds.of(config.seed)

    @cached_property
    def data_folder(self) -> Path:
        """Where the tables are: the user's folder, or the run's own."""
        return self.config.data.folder or self.run / "data"

    @cached_property
    def read(self) -> Tables:
        """The checked tables, each day and line item by its latest reading."""
        return read_tables(self.data_folder)

    @cached_property
    def dates(self) -> Dates:
        """The cut between what is known and the flight."""
        return resolve_dates(self.config, self.read.performance)

    @cached_property
    def tables(self) -> Tables:
        """The tables as known when the flight starts; only `score` uses what is dated in it."""
        return self.read.known_on(self.dates.start)

    @contextmanager
    def hosted(self) -> Iterator[PredictorHost]:
        """The fitted predictor; on Ray it is there no longer than a stage asks it."""
        if self.config.ray.hosted:
            with predictor_host(self.run / "predictor", self.config) as host:
                yield host
        else:
            yield self._host

    @cached_property
    def _host(self) -> PredictorHost:
        """In this process: one for all stages, which knows the texts of those before."""
        from promopilot.predictors import open_host

        return open_host(self.run / "predictor", self.config.predictor.device)

    @cached_property
    def world(self) -> World:
        """The flight's market."""
        return load_world(self.run / "market")

    def begin(self) -> None:
        """Find what is wrong with the input before any work is done."""
        from promopilot.predictors.base_model import resolve

        if self.config.limits.file is not None:
            read_limits(self.config.limits.file)
        resolve(self.config.predictor.base_model)
        if self.config.data.folder is not None:
            require_currency(self.config, self.read)
            require_conversions(self.tables, self.dates)  # reads and checks tables and dates
            require_history(self.tables.performance, self.dates.start)
            self._check_limits()

    def _check_limits(self) -> None:
        """Refuse limits that the flight cannot keep, while nothing is learnt yet."""
        from promopilot.experiments.limits.beforehand import check_beforehand

        if not (self.run / "market").is_dir():
            check_beforehand(self.tables, self.config, self.dates)

    def data(self, work: Path) -> None:
        """Build the tables, where the config asks for it."""
        from promopilot.experiments.sources import complete_journey
        from promopilot.experiments.sources.synthetic import build as synthetic

        data, out = self.config.data, work / "data"
        if data.build == "complete-journey":
            complete_journey.build(out, data.complete_journey, self.progress)
        elif data.build == "synthetic":
            seed, currency = self.config.seed, self.config.currency
            synthetic.build(out, data.synthetic, seed, currency, self.progress)

    def predictor(self, work: Path) -> None:
        """Fine-tune the predictor on the fitting days; the choosing days stop it."""
        from promopilot.predictors import fit

        if self.config.data.folder is None:
            self._check_limits()
        parts = parts_before(self.tables, self.dates, self.config)
        fit(
            parts.fit,
            parts.choose,
            self.config.predictor,
            work / "predictor",
            self.config.seed,
            self.progress,
            self.run / CHECKPOINT,
        )

    def market(self, work: Path) -> None:
        """Predict rates for the flight and build its market."""
        from promopilot.experiments.world_builder import build_world
        from promopilot.predictors.checkpoint import forget

        forget(self.run / CHECKPOINT)  # the predictor is in its place
        out = work / "market"
        out.mkdir()
        with self.hosted() as host:
            built = build_world(self.tables, host, self.config, self.dates)
        save_world(built.world, out)
        save_unlimited(built, self.config.limits.file, out)
        built.items.to_csv(out / LINE_ITEMS, index=False, lineterminator="\n")
        built.rates.to_csv(out / "rates.csv", index=False, float_format="%.8g", lineterminator="\n")
        write_text_atomic(out / SOURCES, json.dumps(built.sources, indent=1) + "\n")

    def backtest(self, work: Path) -> None:
        """Fit everything some weeks earlier, and judge it on the last weeks before the flight."""
        from promopilot.experiments.backtest.run import BACKTEST, backtest_before

        found: dict[str, Any] = {"absent": "switched off in the config (backtest.days is 0)"}
        if self.config.backtest.days:
            earlier = work / "earlier"  # a predictor that is of no use afterwards
            found = backtest_before(
                self.read, self.config, self.dates.start, earlier, self.progress
            )
            shutil.rmtree(earlier, ignore_errors=True)
        write_text_atomic(work / BACKTEST, json.dumps(found, indent=1, allow_nan=False) + "\n")

    def train(self, work: Path) -> None:
        """Train policies on training flights; validation flights keep the best of each."""
        from promopilot.agents.tuned import tune_replanner
        from promopilot.experiments.learning import train_agent
        from promopilot.experiments.spreading.workers import spread_over

        out, agents = work / "policy", self.config.agents
        out.mkdir()
        tune = partial(tune_replanner, self.world, self.seeds.training)
        flights = np.arange(agents.tuning_flights)
        with spread_over(self.config.ray) as spread:
            if spread is here:
                tuned = iter([next(here(partial(tune, progress=self.progress), [flights]))])
            else:
                tuned = spread(tune, [flights])  # it begins now, beside the others' training
            for agent in agents.trained:
                kept = self.run / f"{COURSE}{agent}"
                given = out, self.progress, kept, None, spread
                train_agent(agent, self.run / "market", self.config, *given)
            next(tuned).save(out)

    def simulate(self, work: Path) -> None:
        """Play policies on validation flights, which choose, on test flights, and under stress."""
        from promopilot.experiments.spreading.workers import spread_over
        from promopilot.experiments.stress import play_stresses
        from promopilot.predictors.checkpoint import forget

        for agent in self.config.agents.trained:
            forget(self.run / f"{COURSE}{agent}")  # the policies are in their place

        world, trained, seeds = self.world, self.run / "policy", self.seeds
        names, sizes = available(trained), self.config.simulate
        slow = sizes.flights_lookahead
        choosing = Flights(seeds.validation, sizes.flights_validation, slow)
        testing = Flights(seeds.test, sizes.flights_test, slow)

        stressed = Flights(seeds.test, min(sizes.flights_stress, sizes.flights_test), slow)
        with spread_over(self.config.ray) as spread:

            def played(what: str, names: list[str], flights: Flights) -> dict[str, Rollout]:
                task = f"simulate: {what} flights"
                wanted = [Wanted(names, flights)]
                return play_each(wanted, world, trained, self.progress, task, spread)[0]

            chosen = played("validation", usable(names), choosing)
            test = played("test", names, testing)
            bound = hindsight_bound(
                [BOUND], world, seeds.test, testing.of(HINDSIGHT), self.progress, spread
            )
            stress = play_stresses(
                *(usable(names), world, trained, stressed, seeds.bootstrap),
                *(self.progress, spread),
            )
        document = summarise(chosen, test, stress, world, seeds.bootstrap, bound)
        write_text_atomic(work / SIMULATIONS, json.dumps(document, allow_nan=False) + "\n")

    def plan(self, work: Path) -> None:
        """Export what the recommended policy spends in the reference flight; price its limits."""
        from promopilot.experiments.plan.judgement import write_judgement
        from promopilot.experiments.scenarios.limit_costs import write_limit_costs
        from promopilot.experiments.scenarios.planner import Planner

        simulations = read_simulations(self.run)
        flights = self.config.simulate.flights_test

        def make(world: World) -> Policy:
            return make_policy(simulations["recommended"], world, self.run / "policy")

        world = aimed(self.world, make, self.seeds.test, flights)
        plan = make_plan(
            make(world),
            world,
            read_items(self.run / "market"),
            self.seeds.test,
            flights,
            self.progress,
        )
        write_plan(plan, world, work / "plan.csv")
        write_judgement(plan, simulations, self.seeds.bootstrap, work)
        name = simulations["recommended"]
        planner = Planner(self.world, make, name, self.seeds.test, flights)
        write_limit_costs(planner, work, self.progress)

    def ope(self, work: Path) -> None:
        """Evaluate the plan offline, from a log of an exploring policy in the market."""
        from promopilot.experiments.backtest.run import foresaw
        from promopilot.experiments.evidence import write_evidence
        from promopilot.experiments.plan.judgement import read_expected_impressions, read_values

        out = work / "ope"
        out.mkdir()
        write_evidence(
            self.world,
            read_expected_impressions(self.run, self.world),
            read_values(self.run),
            self.config.ope,
            self.seeds.log,
            self.seeds.bootstrap,
            out,
            foreseen=foresaw(self.run),
        )

    def score(self, work: Path) -> None:
        """Explain what the plan's rates rest on; score them on the flight's days, read only now."""
        with self.hosted() as host:
            self._score(work, host)

    def _score(self, work: Path, host: PredictorHost) -> None:
        from promopilot.experiments.backtest.run import AFTERWARDS, backtest_after
        from promopilot.predictors import Predictor, evaluate

        seen = self.dates.flight(self.tables.performance)
        scores: dict[str, Any] = {}
        if int(seen["impressions"].sum()) > 0:
            predictor = Predictor.load(self.run / "predictor", self.config.predictor.device)
            test = rows_of(self.tables, seen, self.config.predictor)
            seed = self.seeds.bootstrap
            scores["test"] = evaluate(predictor, test, seed, host.predict)
            found = backtest_after(
                self.read, host, self.config, self.dates.start, self.config.flight.days
            )
            write_text_atomic(
                work / AFTERWARDS, json.dumps(found, indent=1, allow_nan=False) + "\n"
            )
        write_text_atomic(work / SCORES, json.dumps(scores, indent=1, allow_nan=False) + "\n")
        explained = explain_run(
            self.run, host, self.tables, self.config.predictor, self.seeds.bootstrap
        )
        write_text_atomic(work / EXPLANATIONS, json.dumps(explained, allow_nan=False) + "\n")

    def report(self, work: Path) -> None:
        """Render the report from the files of the run."""
        from promopilot.experiments.report import render_report

        write_text_atomic(work / "report.html", render_report(self.run))

    def end(self) -> None:
        """Write the model's scores and card beside it, and the manifest over everything."""
        from promopilot.predictors.model_card import write_model_card

        scores = json.loads((self.run / SCORES).read_text(encoding="utf-8"))
        text = json.dumps({"predictor": scores}, indent=1, allow_nan=False) + "\n"
        write_text_atomic(self.run / "predictor" / METRICS, text)
        write_model_card(self.run / "predictor")
        sources = json.loads((self.run / "market" / SOURCES).read_text(encoding="utf-8"))
        write_manifest(self.run, {"run": self.config.seed} | self.seeds.as_dict(), sources)
