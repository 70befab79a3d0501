"""Histories made straight from the design's laws, with true parameters drawn from the priors."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from scipy.special import expit, logit

from promopilot.envs import response
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.calibration.history import History, Readings
from promopilot.envs.dynamics import Delay
from promopilot.envs.priors import PRIORS
from promopilot.envs.response import Saturation

BEFORE = 28  # days that nobody recorded
AGES = np.array([1.0, 2.0, 3.0, 5.0, 7.0, 14.0, 28.0])


@dataclass(frozen=True)
class Truth:
    log_price: Floats  # [K] mean of the log
    price_sd: Floats  # [K]
    price_persistence: Floats  # [K]
    price_deviation: Floats  # [K] of the last day
    log_supply: Floats  # [K, S] median of an average weekday at the last day
    log_reach: Floats  # [K, S]
    supply_sd: Floats  # [K, S]
    weekday: Floats  # [7] mean 1
    trend: float
    supply_day_sd: float
    supply_walk_sd: float
    rate_walk_sd: float
    first_day_sd: float
    second_day_sd: float
    fatigue_exponent: float
    delay: Delay
    saturation: Saturation


@dataclass(frozen=True)
class Size:
    promotions: int = 12
    placements: int = 3
    segments: int = 3
    days: int = 84
    supply: float = 20_000.0  # impressions a day of a typical pool
    bought: float = 0.05  # of it, by a typical line item
    people: float = 20_000.0


def unit_values(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Floats:
    """One number per unit of a shop, on the prior's scale: a shared part and the unit's own."""
    prior = PRIORS[name]
    shared = np.sqrt(prior.sd**2 - prior.between**2) * rng.normal()
    centre = np.log(prior.mean) if prior.scale == "log" else prior.mean
    return np.asarray(centre + shared + prior.between * rng.normal(size=shape))


def scalar(rng: np.random.Generator, name: str) -> float:
    prior = PRIORS[name]
    if prior.scale == "logit":
        return float(expit(logit(prior.mean) + prior.sd * rng.normal()))
    if prior.scale == "log":
        return float(prior.mean * np.exp(prior.sd * rng.normal()))
    return float(prior.mean + prior.sd * rng.normal())


def draw_shop(
    rng: np.random.Generator,
    size: Size | None = None,
    *,
    saturation: Saturation | None = None,
    row_noise: float = 0.0,
    supply_given: bool = True,
    drift_sd: float = 0.0,
    free: bool = False,
) -> tuple[History, Truth]:
    """A shop's history and what is true of it.

    Args:
        rng: Source of everything.
        size: How large the shop is.
        saturation: The true family; exponential where absent.
        row_noise: Sd of the log of a row's own price: none in the design's law.
        supply_given: Whether the user stated each pool's supply (with the prior's error).
        drift_sd: Sd of one day's step of each promotion's log-odds.
        free: All of a pool's supply is shown, without spend.
    """
    size, saturation = size or Size(), saturation or Saturation()
    num, kinds, segments = size.promotions, size.placements, size.segments
    pools, total = (kinds, segments), BEFORE + size.days
    grid = np.indices((num, kinds, segments)).reshape(3, -1)
    promotion, placement, segment = grid.astype(np.int64)
    first = date(2024, 1, 1)
    weekday = (first.weekday() + np.arange(-BEFORE, size.days)) % 7

    price_sd = np.exp(unit_values(rng, "price_sd", (kinds,)))
    keep = np.full(kinds, 9.0)
    while not ((keep >= 0) & (keep < 0.99)).all():
        keep = unit_values(rng, "price_persistence", (kinds,))
    log_price = np.log(rng.uniform(3, 9, kinds) / 1000)
    deviation = np.zeros((total, kinds))
    deviation[0] = price_sd * rng.normal(size=kinds)
    for t in range(1, total):
        step = price_sd * np.sqrt(1 - keep**2) * rng.normal(size=kinds)
        deviation[t] = keep * deviation[t - 1] + step

    effect = PRIORS["weekday_effect"].sd * rng.normal(size=7)
    factor = np.exp(effect) / np.exp(effect).mean()
    trend, walk_sd = scalar(rng, "trend"), scalar(rng, "supply_walk_sd")
    supply_sd = np.exp(unit_values(rng, "supply_sd", pools))
    log_supply = np.log(size.supply) + 0.4 * rng.normal(size=pools)
    walk = np.cumsum(walk_sd * rng.normal(size=total))
    walk = walk - walk[-1]
    supply_day_sd = scalar(rng, "shared_day_sd")
    walk = walk + supply_day_sd * rng.normal(size=total)
    common = np.log(factor[weekday]) + trend * (np.arange(total) - total + 1) + walk
    log_pool = log_supply + common[:, None, None]
    log_pool = log_pool + supply_sd * rng.normal(size=log_pool.shape)
    share = 0.5 * np.exp(PRIORS["reach_share"].sd * rng.normal(size=(kinds, 1)))

    exponent, rate_walk_sd = scalar(rng, "fatigue_exponent"), scalar(rng, "rate_walk_sd")
    rates = 0.4 * rng.normal(size=num)[promotion] + 0.3 * rng.normal(size=kinds)[placement]
    first_rate = logit(0.03) + rates + 0.1 * rng.normal(size=len(promotion))
    day_sd = scalar(rng, "rate_day_sd"), scalar(rng, "rate_day_sd")
    rate_walk = np.cumsum(rate_walk_sd * rng.normal(size=total)) + day_sd[0] * rng.normal(
        size=total
    )
    second_day = day_sd[1] * rng.normal(size=total)
    drift = np.cumsum(drift_sd * rng.normal(size=(total, num)), axis=0)[:, promotion]
    second_rate = (logit(0.08) + 0.3 * rng.normal(size=num))[promotion]
    delay = Delay(
        scalar(rng, "delay_fast_share"),
        PRIORS["delay_fast_days"].mean,
        scalar(rng, "delay_slow_days"),
    )

    usual = size.bought * np.exp(0.7 * rng.normal(size=len(promotion)))
    recent, forget = np.zeros((num, segments)), 2 ** (-1 / PRIORS["fatigue_half_life_days"].mean)
    columns: dict[str, list[Floats | Ints]] = {}
    for t in range(total):
        pool = np.exp(log_pool[t])
        reach = (share * pool)[placement, segment]
        cost = np.exp(log_price + deviation[t])[placement]
        ratio = usual * size.supply * np.exp(0.5 * rng.normal(size=len(usual)))
        asked = cost * ratio
        cost = cost * np.exp(row_noise * rng.normal(size=len(cost)))
        wanted = response.impressions(asked, cost, reach, saturation)
        pooled = np.zeros(pools)
        np.add.at(pooled, (placement, segment), wanted)
        cut = np.minimum(1.0, pool / pooled)[placement, segment]
        delivered = wanted * cut
        charged = np.where(cut < 1, response.cost(delivered, cost, reach, saturation), asked)
        if free:
            pooled = np.zeros(pools)
            np.add.at(pooled, (placement, segment), ratio)
            delivered = ratio * (pool / pooled)[placement, segment]
        impressions = np.floor(delivered + rng.random(len(delivered)))
        tired = (1 + recent[promotion, segment]) ** -exponent
        rate = expit(first_rate + rate_walk[t] + drift[t]) * tired
        clicks = rng.binomial(impressions.astype(np.int64), rate)
        conversions = rng.binomial(clicks, expit(second_rate + second_day[t]))
        seen = np.zeros(num * segments)
        np.add.at(seen, promotion * segments + segment, impressions)
        recent = (recent + seen.reshape(num, segments) / size.people) * forget
        if t >= BEFORE:
            row = {
                "day": np.full(len(promotion), t - BEFORE),
                "promotion": promotion,
                "placement": placement,
                "segment": segment,
                "impressions": impressions,
                "clicks": clicks.astype(float),
                "booked": conversions.astype(float),
                "spend": np.full(len(charged), np.nan) if free else charged,
            }
            for name, values in row.items():
                columns.setdefault(name, []).append(values)
    rows = {name: np.concatenate(values) for name, values in columns.items()}
    age = (size.days - rows["day"]).astype(float)
    latest, readings = read(rng, rows.pop("booked"), age, delay)
    said = np.exp(log_supply + PRIORS["supply_level_sd"].mean * rng.normal(size=pools))
    history = History(
        first_day=first,
        num_days=size.days,
        num_promotions=num,
        num_placements=kinds,
        num_segments=segments,
        age=age,
        conversions=latest,
        people=np.full(segments, size.people),
        daily_supply=said if supply_given else None,
        reach_share=0.5,
        readings=readings,
        **rows,
    )
    truth = Truth(
        log_price,
        price_sd,
        keep,
        deviation[-1],
        log_supply,
        log_supply + np.log(share),
        supply_sd,
        factor,
        trend,
        supply_day_sd,
        walk_sd,
        rate_walk_sd,
        *day_sd,
        exponent,
        delay,
        saturation,
    )
    return history, truth


def read(
    rng: np.random.Generator, booked: Floats, age: Floats, delay: Delay
) -> tuple[Floats, Readings]:
    """What is seen of booked conversions at several ages and at the last reading."""
    readings: list[tuple[Ints, Floats, Floats]] = []
    seen, before = np.zeros_like(booked), np.zeros_like(booked)
    index = np.arange(len(booked))
    for limit in [*AGES, np.inf]:
        now = np.minimum(age, limit)
        there = delay.seen(now)
        earlier = np.where(before > 0, delay.seen(np.maximum(before, 1e-9)), 0.0)
        chance = np.clip((there - earlier) / (1 - earlier), 0, 1)
        chance = np.where(now > before, chance, 0.0)
        seen = seen + rng.binomial((booked - seen).astype(np.int64), chance)
        fresh = now > before
        readings.append((index[fresh], now[fresh], seen[fresh]))
        before = now
    item, ages, counts = (np.concatenate(part) for part in zip(*readings, strict=True))
    return seen, Readings(item, ages, counts)


def without(history: History, *names: str) -> History:
    """The same history with columns that the shop did not record."""
    gap = np.full(len(history.day), np.nan)
    return replace(history, **dict.fromkeys(names, gap))
