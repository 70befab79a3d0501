"""The re-planner with a few constants that were tuned on training flights."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
from scipy.optimize import minimize

from promopilot.agents.artifact import card_digest, check_digest
from promopilot.agents.errors import PolicyError
from promopilot.agents.rollout import Progress
from promopilot.agents.training.validation import decided_value
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.world import World

_FILE = "replanner_tuned.json"
# Size of the first simplex, and how many settings are tried.
_STRIDE, _TRIALS = 0.3, 120
# No constant bends pace or tilt by more than this, in logs: the range of the price agents.
_LARGEST_LOG = float(np.log(2))


@dataclass(frozen=True)
class Constants:
    """What is added to the logs of the re-planner's pace and tilts; all zero is the re-planner.

    All but `scarcity` fade with the share of days left, from full on the first to 1/D on the last.
    """

    front: float = 0.0  # log of the pace: above zero spends sooner
    restraint: float = 0.0  # taken off every tilt, for the days on which people will be tired
    rest: float = 0.0  # taken off per log(1 + recent exposures per person)
    optimism: float = 0.0  # added per standard deviation of what is believed of a promotion's rate
    scarcity: float = 0.0  # added per log of the share of demand that stock can serve


@dataclass(frozen=True)
class TunedReplanner:
    """The exact split at a pace and tilts that follow simple rules.

    Raises:
        PolicyError: A constant is not a finite number.
    """

    replan: Replan
    constants: Constants = Constants()
    name: str = "replanner_tuned"

    def __post_init__(self) -> None:
        for name, value in asdict(self.constants).items():
            if not (isinstance(value, int | float) and np.isfinite(value)):
                raise PolicyError(f"{name} of the tuned re-planner is {value!r}, not a number.")

    def spend(self, market: Market) -> Floats:
        """Today's split at the tuned pace and tilts."""
        return self.replan(market, *self.prices(market)).spend

    def prices(self, market: Market) -> tuple[Floats, Floats]:
        """Pace `[N]` and tilts `[N, P]` for today."""
        constants, world = self.constants, self.replan.world
        left = 1 - market.day / world.days
        pace = np.full(market.num_flights, constants.front * left)
        people = world.segment_size / world.segment_size.sum()
        tired = market.fatigue.reshape(market.num_flights, -1, len(people)) @ people
        tilt = -constants.restraint - constants.rest * np.log1p(tired)
        if constants.optimism != 0:
            sd = np.hypot(market.first_belief.now.sd, market.second_belief.now.sd)
            tilt = tilt + constants.optimism * sd
        tilt = tilt * left
        if constants.scarcity != 0:
            tilt = tilt + constants.scarcity * _log_cover(market)
        return _factor(pace), _factor(tilt)

    def save(self, folder: Path) -> None:
        """Write `replanner_tuned.json`."""
        card = {"policy": self.name, "constants": asdict(self.constants)}
        text = json.dumps(card | {"card_sha256": card_digest(card)}, indent=1)
        (folder / _FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, world: World) -> Self:
        """Read what `save` wrote.

        Raises:
            PolicyError: The file is missing or altered, cannot be read, or holds other constants.
        """
        path = folder / _FILE
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            told = card.pop("card_sha256", None)
            policy = cls(Replan(world), Constants(**card["constants"]))
            check_digest(path, card_digest(card), told)
            return policy
        except PolicyError:
            raise
        except FileNotFoundError as error:
            raise PolicyError(f"There is no tuned re-planner in {folder}.") from error
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise PolicyError(f"{path} cannot be read: {error}.") from error


def tune_replanner(
    world: World,
    seed: int,
    flights: Ints,
    progress: Progress = lambda what, share: None,
) -> TunedReplanner:
    """Look for the constants that earn most on training flights, from the re-planner's zeros.

    By the simplex method of Nelder and Mead (The Computer Journal, 1965), which needs no gradient.
    The same flights for all settings, outcomes at their mean, so that luck decides nothing. Never
    worse than the re-planner on these flights.

    Args:
        world: What is played.
        seed: Of the training flights.
        flights: Their numbers `[F]`.
        progress: Told the policy's name and the share of settings tried.
    """
    market, replan = Market(world), Replan(world)
    tried = 0

    def earned(constants: Constants) -> float:
        nonlocal tried
        policy = TunedReplanner(replan, constants)
        total = _play(policy, market, seed, flights)
        tried += 1
        progress(policy.name, min(tried / _TRIALS, 1.0))
        return total

    best, most = Constants(), earned(Constants())
    used = [field.name for field in fields(Constants)]
    if np.isinf(world.catalog.stock).all():
        used.remove("scarcity")
    scale = max(abs(most), 1e-300)

    def loss(values: Floats) -> float:
        nonlocal best, most
        constants = Constants(**dict(zip(used, values.tolist(), strict=True)))
        total = earned(constants)
        if total > most:
            best, most = constants, total
        return -total / scale

    simplex = np.vstack([np.zeros(len(used)), _STRIDE * np.eye(len(used))])
    minimize(
        loss,
        np.zeros(len(used)),
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "maxfev": _TRIALS, "xatol": 1e-2, "fatol": 1e-5},
    )
    progress(TunedReplanner.name, 1.0)
    return TunedReplanner(replan, best)


def _play(policy: TunedReplanner, market: Market, seed: int, flights: Ints) -> float:
    """Mean objective of the flights, clicks and conversions at their mean."""
    market.reset(seed, flights)
    total = 0.0
    while not market.done:
        outcome = market.step(policy.spend(market))
        total += float(decided_value(outcome, market.world).mean())
    return total


def _factor(log: Floats) -> Floats:
    return np.asarray(np.exp(np.clip(log, -_LARGEST_LOG, _LARGEST_LOG)))


def _log_cover(market: Market) -> Floats:
    """[N, P] log of the share of what all days left could sell at full reach that is in stock."""
    catalog, days = market.world.catalog, market.world.days - market.day
    most = days * catalog.by_promotion.sum(market.reach * market.expected_rate)
    # At least a thousandth: what is sold out is not for sale anyway.
    cover = np.divide(market.stock_left, most, out=np.ones_like(most), where=most > 0)
    return np.asarray(np.log(np.clip(cover, 1e-3, 1.0)))
