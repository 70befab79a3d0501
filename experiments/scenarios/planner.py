"""Plans of one run at other budgets and under other limits, each made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from promopilot.agents.policy import Policy
from promopilot.envs.arrays import Floats
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.feasibility import contradiction
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world
from promopilot.experiments.atomic import digest
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.limits.targets import aimed, priced
from promopilot.experiments.plan.reference import reference_table
from promopilot.experiments.policies import make_policy
from promopilot.experiments.run_folder import RunFolder
from promopilot.experiments.scenarios.totals import Totals, expected, played
from promopilot.experiments.seeds import Seeds
from promopilot.experiments.simulation import SIMULATIONS, read_simulations

_BUMP = 0.02  # share of the budget that is taken off and put on to see what the margin brings
# Where more budget moves less than this share of it into the plan, it finds no use.
_USED = 0.25


@dataclass(frozen=True)
class Margins:
    """What the next unit of planned money brings."""

    roas: float  # conversion value
    poas: float  # profit before media


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
    """

    world: World
    make: Callable[[World], Policy]
    policy: str
    seed: int
    flights: int
    rests_on: str = ""
    _can: dict[float, bool] = field(default_factory=dict)
    _worlds: dict[float, World] = field(default_factory=dict)
    _tables: dict[float, Floats] = field(default_factory=dict)
    _expected: dict[float, Totals] = field(default_factory=dict)
    _played: dict[float, Totals] = field(default_factory=dict)

    def can(self, budget: float) -> bool:
        """Whether the world's limits can be kept with that budget."""
        if budget not in self._can:
            try:
                self._can[budget] = not contradiction(self._world(budget))
            except InfeasibleError:  # of a target that no plan of that budget meets
                self._can[budget] = False
        return self._can[budget]

    def table(self, budget: float) -> Floats:
        """What the plan of a budget spends `[D, L]`."""
        if budget not in self._tables:
            world = self._world(budget)
            self._tables[budget] = reference_table(self.make(world), world).spend
        return self._tables[budget]

    def expected(self, budget: float) -> Totals:
        """The plan of a budget in the reference flight."""
        if budget not in self._expected:
            self._expected[budget] = expected(self._world(budget), self.table(budget))
        return self._expected[budget]

    def played(self, budget: float) -> Totals:
        """The plan of a budget on the test flights, the same for all budgets."""
        if budget not in self._played:
            world = self._world(budget)
            self._played[budget] = played(world, self.table(budget), self.seed, self.flights)
        return self._played[budget]

    def margins(self, budget: float) -> Margins | None:
        """Central differences between the plans of 2 % less and 2 % more budget.

        d value / d spend on the reference flight, what the money does to later days included; None
        where more budget would not be planned: it would cost more than it brings, or finds no
        impressions.
        """
        low, high = cents(budget * (1 - _BUMP)), cents(budget * (1 + _BUMP))
        if not self.can(low):
            low = budget
        less, more = self.expected(low), self.expected(high)
        spent = more.planned - less.planned
        if spent < _USED * (high - low):
            return None
        value = more.value("conversion_value") - less.value("conversion_value")
        profit = more.value("profit") - less.value("profit")
        return Margins(value / spent, profit / spent)

    def _world(self, budget: float) -> World:
        """The market with another budget; a target has the price that it takes there."""
        if budget not in self._worlds:
            world = self.world.with_budget(budget)
            self._worlds[budget] = aimed(world, self.make, self.seed, self.flights)
        return self._worlds[budget]

    def value(self, world: World) -> float:
        """The objective of the plan for another world, in the reference flight."""
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


def open_planner(run: Path, seed: int | None = None, flights: int | None = None) -> Planner:
    """The planner of a finished run, its plan's own flights unless told otherwise.

    Args:
        run: A run folder.
        seed: In place of the run's.
        flights: In place of the run's number of test flights.

    Raises:
        RunFolderError: It is no run folder, or has not got as far as a recommendation.
        PolicyError, MarketError: A file was altered.
    """
    folder = RunFolder.existing(run)
    try:
        simulations, world = read_simulations(run), load_world(run / "market")
    except FileNotFoundError as error:
        raise RunFolderError(
            f"{run} has no comparison of policies yet; finish it with `promopilot run … --resume`"
        ) from error
    name, trained = str(simulations["recommended"]), run / "policy"
    return Planner(
        world,
        lambda market: make_policy(name, market, trained),
        name,
        Seeds.of(folder.config.seed if seed is None else seed).test,
        int(simulations["flights_test"]) if flights is None else flights,
        digest(run / SIMULATIONS),
    )
