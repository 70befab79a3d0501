"""Everything in a flight that no policy can influence.

Each flight has its own counter-based generator keyed by (seed, flight), so a flight is the same
alone and in a batch, and every policy on one seed meets the same world.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, Philox
from scipy.signal import lfilter

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.rates import Stage
from promopilot.envs.world import World

_WORLD_STREAM, _OUTCOME_STREAM = 0, 1


@dataclass(frozen=True)
class Exogenous:
    """Draws of N flights."""

    supply: Floats  # [N, D, Q] whole impressions
    price_factor: Floats  # [N, D, K] price of the day over the placement's mean
    first_shift: Floats  # [N, L] hidden shift of the first stage's log-odds, shared + own
    second_shift: Floats  # [N, L] likewise of the second stage


def stream(seed: int, flight: int, which: int) -> Generator:
    """The generator of one flight's world (0) or outcomes (1)."""
    return Generator(Philox(key=[seed % 2**64, (flight % 2**62) * 2 + which]))


def outcome_streams(seed: int, flights: Ints) -> list[Generator]:
    """One generator per flight for rounding and outcomes."""
    return [stream(seed, int(flight), _OUTCOME_STREAM) for flight in flights]


def draw(world: World, seed: int, flights: Ints) -> Exogenous:
    """Draw supply, prices and shifts of the given flights.

    Log prices follow a stationary AR(1); supply and price factors have mean one (the log-normal's
    -sd^2/2 is taken off).

    Args:
        world: What is drawn around.
        seed: Seed of the study; with the flight's number it fixes the draws.
        flights: Numbers of the flights `[N]`.
    """
    catalog, settings = world.catalog, world.settings
    sizes = {
        "supply": world.days * len(catalog.pools),
        "price": world.days * len(catalog.placement_ids),
        "first_shared": catalog.num_promotions,
        "first_own": catalog.num_line_items,
        "second_shared": catalog.num_promotions,
        "second_own": catalog.num_line_items,
    }
    total = sum(sizes.values())
    normal = np.stack(
        [stream(seed, int(flight), _WORLD_STREAM).standard_normal(total) for flight in flights]
    )
    parts = dict(
        zip(sizes, np.split(normal, np.cumsum(list(sizes.values()))[:-1], axis=1), strict=True)
    )

    noise = parts["supply"].reshape(len(flights), world.days, -1)
    supply = world.supply * np.exp(world.supply_sd * noise - world.supply_sd**2 / 2)

    keep = settings.price_persistence
    innovation = parts["price"].reshape(len(flights), world.days, -1)
    innovation = innovation * settings.price_sd * np.sqrt(1 - keep**2)
    innovation[:, 0] /= np.sqrt(1 - keep**2)
    log_price = lfilter([1.0], [1.0, -keep], innovation, axis=1)

    def shift(stage: Stage, which: str) -> Floats:
        shared = parts[f"{which}_shared"] * stage.shared_sd
        return np.asarray(shared[:, catalog.promotion] + parts[f"{which}_own"] * stage.own_sd)

    first, second = world.rates.stages
    return Exogenous(
        supply=np.rint(supply),
        price_factor=np.exp(log_price - settings.price_sd**2 / 2),
        first_shift=shift(first, "first"),
        second_shift=shift(second, "second"),
    )


def mean_draw(world: World) -> Exogenous:
    """The reference flight: every exogenous draw at its mean, as a batch of one.

    Shifts are those at which each line item has its mean rates, not the shifts' own means.
    """
    first, second = (stage.shift_to_mean(world.catalog.promotion) for stage in world.rates.stages)
    return Exogenous(
        supply=np.rint(world.supply)[None],
        price_factor=np.ones((1, world.days, len(world.catalog.placement_ids))),
        first_shift=first[None],
        second_shift=second[None],
    )
