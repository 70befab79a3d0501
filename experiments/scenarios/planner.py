"""Plans of one run at other budgets and under other limits, each made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from promopilot.agents.policy import Policy
from promopilot.envs.arrays import Floats
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.feasibility import check_limits
from promopilot.envs.world import World
from promopilot.experiments.atomic import digest
from promopilot.experiments.limits.apply import bounded
from promopilot.experiments.limits.file import LimitsFile, read_limits
from promopilot.experiments.limits.of_run import own_limits, unlimited_world
from promopilot.experiments.limits.target_price import priced
from promopilot.experiments.limits.targets import aimed
from promopilot.experiments.plan.asked import Asked, finished, market_asked, read_items
from promopilot.experiments.plan.reference import reference_table
from promopilot.experiments.policies import make_policy
from promopilot.experiments.run_folder import RunFolder
from promopilot.experiments.scenarios.totals import Totals, expected, played
from promopilot.experiments.seeds import Seeds
from promopilot.experiments.simulation import SIMULATIONS


@dataclass
class Planner:
    """A run's market and the policy that plans in it.

    Args:
        world: The run's market, budget and limits.
        make: The run's recommended policy in a market.
        policy: Its name.
        seed: Of the test flights.
        flights: How many tables are played on.
        rests_on: SHA-256 of the run's comparison of policies, by which a later run is told.
        at: The market with another budget, where more than the budget follows from it: limits
            relative to today's mix do, which is scaled down to a smaller one.
    """

    world: World
    make: Callable[[World], Policy]
    policy: str
    seed: int
    flights: int
    rests_on: str = ""
    at: Callable[[float], World] | None = None
    _refusals: dict[float, str] = field(default_factory=dict)
    _worlds: dict[float, World] = field(default_factory=dict)
    _tables: dict[float, Floats] = field(default_factory=dict)
    _expected: dict[float, Totals] = field(default_factory=dict)
    _played: dict[float, Totals] = field(default_factory=dict)

    def refusal(self, budget: float) -> str:
        """Why the world's limits cannot be kept with that budget; "" where they can.

        Some clashes only show when the plan is made, so it is made to know.
        """
        if budget not in self._refusals:
            try:
                self.table(budget)
            except InfeasibleError as error:
                self._refusals[budget] = str(error)
            else:
                self._refusals[budget] = ""
        return self._refusals[budget]

    def can(self, budget: float) -> bool:
        """Whether there is a plan of that budget."""
        return not self.refusal(budget)

    def table(self, budget: float) -> Floats:
        """What the plan of a budget spends `[D, L]`.

        Raises:
            InfeasibleError: The world's limits cannot be kept with it.
        """
        if budget not in self._tables:
            world = self.world_of(budget)
            self._tables[budget] = reference_table(self.make(world), world).spend
        return self._tables[budget]

    def expected(self, budget: float) -> Totals:
        """The plan of a budget in the reference flight."""
        if budget not in self._expected:
            self._expected[budget] = expected(self.world_of(budget), self.table(budget))
        return self._expected[budget]

    def played(self, budget: float) -> Totals:
        """The plan of a budget on the test flights, the same for all budgets."""
        if budget not in self._played:
            world = self.world_of(budget)
            self._played[budget] = played(world, self.table(budget), self.seed, self.flights)
        return self._played[budget]

    def world_of(self, budget: float) -> World:
        """The market with another budget; a target has the price that it takes there.

        Raises:
            InfeasibleError: The limits cannot be kept with it.
        """
        if budget not in self._worlds:
            world = self.at(budget) if self.at is not None else self.world.with_budget(budget)
            check_limits(world)
            self._worlds[budget] = aimed(world, self.make, self.seed, self.flights)
        return self._worlds[budget]

    def value(self, world: World) -> float:
        """The objective of the plan for another world, in the reference flight.

        Raises:
            InfeasibleError: Its limits cannot be kept.
        """
        world = priced(world, self.make)
        table = reference_table(self.make(world), world).spend
        return float(expected(world, table).objective(self.world.objective)[0])


def cents(amount: float) -> float:
    """An amount of money in whole cents."""
    return round(amount, 2)


def between(one: float, other: float, precise: float) -> float | None:
    """The geometric mean of two budgets, where whole cents to try still lie between them.

    Args:
        one: A budget.
        other: Another one.
        precise: Ratio of both that is near enough.
    """
    low, high = min(one, other), max(one, other)
    middle = cents((low * high) ** 0.5)
    return middle if high > low * precise and low < middle < high else None


def open_planner(
    run: Path,
    seed: int | None = None,
    flights: int | None = None,
    limits: Path | None = None,
) -> Planner:
    """The planner of a finished run, its plan's own flights and limits unless told otherwise.

    Args:
        run: A run folder.
        seed: In place of the run's.
        flights: In place of the run's number of test flights.
        limits: A file in place of the run's own limits.

    Raises:
        RunFolderError: It is no run folder, or has not got as far as a recommendation.
        ConfigError: The file of limits cannot be read, or names what the flight has not.
        InfeasibleError: Its limits cannot all hold with the budget.
        PolicyError, MarketError: A file was altered.
    """
    folder, simulations = RunFolder.existing(run), finished(run)
    world = market_asked(run, Asked(limits=limits)).world
    name, trained = str(simulations["recommended"]), run / "policy"
    return Planner(
        world,
        lambda market: make_policy(name, market, trained),
        name,
        Seeds.of(folder.config.seed if seed is None else seed).test,
        int(simulations["flights_test"]) if flights is None else flights,
        digest(run / SIMULATIONS),
        None if world.limits is None else _under(run, limits),
    )


def _under(run: Path, limits: Path | None) -> Callable[[float], World]:
    """The run's market with any budget under a file of limits, or under the run's own."""
    file = own_limits(run) if limits is None else read_limits(limits)
    free, basis = unlimited_world(run), read_items(run / "market")["basis"].tolist()
    told = file or LimitsFile()

    def at(budget: float) -> World:
        rest = told.budget.model_copy(update={"total": budget})
        return bounded(free, told.model_copy(update={"budget": rest}), basis)

    return at
