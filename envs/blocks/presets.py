"""A log of flights in which every day one of K named presets decides, drawn with a known chance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.blocks.log import draw
from promopilot.envs.engine import streams
from promopilot.envs.errors import MarketError
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.views import observation
from promopilot.envs.world import World


@dataclass(frozen=True)
class PresetLog:
    """N flights of D days (n = N x D decisions, a flight's days one after the other)."""

    flight: Ints  # [n]
    day: Ints  # [n]
    action: Ints  # [n] index into `presets`
    propensity: Floats  # [n] probability with which the preset was drawn
    reward: Floats  # [n] objective of the day, in money
    state: np.ndarray  # [n, S] float32, the observation before the decision
    presets: tuple[str, ...]  # [K]
    state_names: tuple[str, ...]  # [S]


def explore_presets(
    world: World,
    presets: Mapping[str, Callable[[Market], Floats]],
    seed: int,
    flights: Ints,
    probability: Floats | None = None,
) -> PresetLog:
    """Play flights in which a preset is drawn for every day anew; log every draw.

    Args:
        world: What is played.
        presets: By name, media spend `[N, L]` asked for today, as `Policy.spend`.
        seed: With a flight's number it fixes everything drawn.
        flights: Numbers of the flights `[N]`.
        probability: Of each preset `[K]`; the same for all where absent.

    Raises:
        MarketError: There is no preset, or the probabilities are none.
    """
    names, count = tuple(presets), len(presets)
    if count == 0:
        raise MarketError("There are 0 presets to log; name at least one.")
    chance = np.full(count, 1 / count) if probability is None else np.asarray(probability, float)
    if chance.shape != (count,) or not (chance >= 0).all() or abs(chance.sum() - 1) > 1e-9:
        raise MarketError(
            f"The presets' probabilities are {chance.tolist()}; they must be {count} numbers of at "
            "least 0 with sum 1."
        )
    market, replan = Market(world), Replan(world)
    market.reset(seed, flights)
    uniform = streams.uniforms(seed, flights, streams.CHOICES, world.days, 1)[..., 0]  # [N, D]
    shape = (len(flights), world.days)
    action, reward = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    state = np.zeros((*shape, observation.size(world)), dtype=np.float32)
    while not market.done:
        day = market.day
        state[:, day] = observation.observe(market, replan)
        action[:, day] = draw(np.tile(chance, (len(flights), 1)), uniform[:, day])
        asked = np.stack([preset(market) for preset in presets.values()])  # [K, N, L]
        outcome = market.step(asked[action[:, day], np.arange(len(flights))])
        reward[:, day] = outcome.total("objective")
    return PresetLog(
        flight=np.repeat(np.asarray(flights, dtype=np.int64), world.days),
        day=np.tile(np.arange(world.days), len(flights)),
        action=action.reshape(-1),
        propensity=chance[action.reshape(-1)],
        reward=reward.reshape(-1),
        state=state.reshape(-1, state.shape[-1]),
        presets=names,
        state_names=_state_names(world),
    )


def _state_names(world: World) -> tuple[str, ...]:
    """Names of the observation's entries, in its order."""
    catalog = world.catalog
    return (
        *observation.GLOBAL_NAMES,
        *(f"log_price.{placement}" for placement in catalog.placement_ids),
        *(f"{p}.{name}" for p in catalog.promotion_ids for name in observation.PROMOTION_NAMES),
    )
