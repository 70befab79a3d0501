"""Histories made straight from the design's laws, with true parameters drawn from the priors."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from scipy.special import expit, logit

from promopilot.envs import response
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.calibration import History, Readings
from promopilot.envs.dynamics import Delay
from promopilot.envs.priors import PRIORS
from promopilot.envs.response import Saturation

FIRST_DAY = date(2024, 1, 1)
BEFORE = 28  # days that nobody recorded
AGES = (1.0, 2.0, 3.0, 5.0, 7.0, 14.0, 28.0, np.inf)  # when conversions are read
SHARE = 0.5  # believed share of a pool that a line item can reach
ROWS = ("day", "promotion", "placement", "segment", "impressions", "clicks", "conversions")
ROWS += ("spend", "age")
Rng = np.random.Generator


@dataclass(frozen=True)
class Truth:
    """What is true of a shop of K placements and S segments; levels are those of the last day."""

    log_price: Floats  # [K] mean
    price_sd: Floats  # [K]
    price_persistence: Floats  # [K]
    price_deviation: Floats  # [K]
    log_supply: Floats  # [K, S] median of an average weekday
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


@dataclass(frozen=True)
class Size:
    promotions: int = 12
    placements: int = 3
    segments: int = 3
    days: int = 84
    supply: float = 20_000.0  # impressions a day of a typical pool
    bought: float = 0.05  # of it, by a typical line item
    people: float = 20_000.0


@dataclass(frozen=True)
class Law:
    """What `draw_shop` was told besides the size."""

    saturation: Saturation
    row_noise: float
    drift_sd: float
    free: bool


def draw_shop(
    rng: Rng,
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
        supply_given: Whether the user stated each pool's supply, with the prior's error.
        drift_sd: Sd of one day's step of each promotion's log-odds.
        free: All of a pool's supply is shown, without spend.
    """
    size, law = size or Size(), Law(saturation or Saturation(), row_noise, drift_sd, free)
    truth, log_price, log_pool = _market(rng, size)
    grid = np.indices((size.promotions, size.placements, size.segments)).reshape(3, -1)
    promotion, placement, segment = (axis.astype(np.int64) for axis in grid)
    usual = size.bought * size.supply * np.exp(0.7 * rng.normal(size=len(promotion)))
    first, second = _rates(rng, size, law, truth, promotion, placement)
    share = np.exp(truth.log_reach - truth.log_supply)
    recent = np.zeros((size.promotions, size.segments))
    forget = 2 ** (-1 / PRIORS["fatigue_half_life_days"].mean)
    columns: dict[str, list[Floats | Ints]] = {}
    for t in range(BEFORE + size.days):
        ratio = usual * np.exp(0.5 * rng.normal(size=len(usual)))
        pool = np.exp(log_pool[t])
        price = np.exp(log_price[t])[placement]
        delivered, charged = _bought(rng, law, ratio, price, pool, share, (placement, segment))
        impressions = np.floor(delivered + rng.random(len(delivered)))
        tired = (1 + recent[promotion, segment]) ** -truth.fatigue_exponent
        clicks = rng.binomial(impressions.astype(np.int64), expit(first[t]) * tired)
        booked = rng.binomial(clicks, expit(second[t]))
        seen = np.zeros_like(recent)
        np.add.at(seen, (promotion, segment), impressions)
        recent = (recent + seen / size.people) * forget
        if t >= BEFORE:
            row = {
                "day": np.full(len(promotion), t - BEFORE),
                "promotion": promotion,
                "placement": placement,
                "segment": segment,
                "impressions": impressions,
                "clicks": clicks.astype(np.float64),
                "booked": booked.astype(np.float64),
                "spend": charged,
            }
            for name, values in row.items():
                columns.setdefault(name, []).append(values)
    rows = {name: np.concatenate(values) for name, values in columns.items()}
    age = (size.days - rows["day"]).astype(np.float64)
    seen_by_now, readings = read(rng, rows.pop("booked"), age, truth.delay)
    error = PRIORS["supply_level_sd"].mean * rng.normal(size=truth.log_supply.shape)
    history = History(
        first_day=FIRST_DAY,
        num_days=size.days,
        num_promotions=size.promotions,
        num_placements=size.placements,
        num_segments=size.segments,
        age=age,
        conversions=seen_by_now,
        people=np.full(size.segments, size.people),
        daily_supply=np.exp(truth.log_supply + error) if supply_given else None,
        reach_share=SHARE,
        readings=readings,
        **rows,
    )
    return history, truth


def _market(rng: Rng, size: Size) -> tuple[Truth, Floats, Floats]:
    """What is true, log prices [T, K] and log supply [T, K, S]; T counts the days before too."""
    kinds, pools = (size.placements,), (size.placements, size.segments)
    total = BEFORE + size.days
    weekday = (FIRST_DAY.weekday() + np.arange(-BEFORE, size.days)) % 7
    price_sd = np.exp(_units(rng, "price_sd", kinds))
    keep = np.full(kinds, np.nan)
    while not ((keep >= 0) & (keep < 0.99)).all():
        keep = _units(rng, "price_persistence", kinds)
    deviation = np.zeros((total, *kinds))
    deviation[0] = price_sd * rng.normal(size=kinds)
    for t in range(1, total):
        step = price_sd * np.sqrt(1 - keep**2) * rng.normal(size=kinds)
        deviation[t] = keep * deviation[t - 1] + step
    effect = PRIORS["weekday_effect"].sd * rng.normal(size=7)
    log_supply = np.log(size.supply) + 0.4 * rng.normal(size=pools)
    log_share = np.log(SHARE) + PRIORS["reach_share"].sd * rng.normal(size=(*kinds, 1))
    truth = Truth(
        log_price=np.log(rng.uniform(3, 9, kinds) / 1000),
        price_sd=price_sd,
        price_persistence=keep,
        price_deviation=deviation[-1],
        log_supply=log_supply,
        log_reach=log_supply + log_share,
        supply_sd=np.exp(_units(rng, "supply_sd", pools)),
        weekday=np.exp(effect) / np.exp(effect).mean(),
        trend=_one(rng, "trend"),
        supply_day_sd=_one(rng, "shared_day_sd"),
        supply_walk_sd=_one(rng, "supply_walk_sd"),
        rate_walk_sd=_one(rng, "rate_walk_sd"),
        first_day_sd=_one(rng, "rate_day_sd"),
        second_day_sd=_one(rng, "rate_day_sd"),
        fatigue_exponent=_one(rng, "fatigue_exponent"),
        delay=Delay(
            _one(rng, "delay_fast_share"),
            PRIORS["delay_fast_days"].mean,
            _one(rng, "delay_slow_days"),
        ),
    )
    walk = np.cumsum(truth.supply_walk_sd * rng.normal(size=total))
    shared = walk - walk[-1] + truth.supply_day_sd * rng.normal(size=total)
    shared += np.log(truth.weekday[weekday]) + truth.trend * (np.arange(total) - total + 1)
    own = truth.supply_sd * rng.normal(size=(total, *pools))
    return truth, truth.log_price + deviation, log_supply + shared[:, None, None] + own


def _units(rng: Rng, name: str, shape: tuple[int, ...]) -> Floats:
    """One number per unit of a shop, on the prior's scale: a shared part and the unit's own."""
    prior = PRIORS[name]
    shared = np.sqrt(prior.sd**2 - prior.between**2) * rng.normal()
    centre = np.log(prior.mean) if prior.scale == "log" else prior.mean
    return np.asarray(centre + shared + prior.between * rng.normal(size=shape))


def _one(rng: Rng, name: str) -> float:
    """A number on the plain scale."""
    prior = PRIORS[name]
    away = prior.sd * rng.normal()
    if prior.scale == "logit":
        return float(expit(logit(prior.mean) + away))
    return float(prior.mean * np.exp(away) if prior.scale == "log" else prior.mean + away)


def _rates(
    rng: Rng, size: Size, law: Law, truth: Truth, promotion: Ints, placement: Ints
) -> tuple[Floats, Floats]:
    """Log-odds of a rested audience's click, and of a click's conversion, each [T, L]."""
    days, promotions = BEFORE + size.days, size.promotions
    base = 0.4 * rng.normal(size=promotions)[promotion]
    base += 0.3 * rng.normal(size=size.placements)[placement]
    base += 0.1 * rng.normal(size=len(promotion))
    shared = np.cumsum(truth.rate_walk_sd * rng.normal(size=days))
    shared += truth.first_day_sd * rng.normal(size=days)
    drift = np.cumsum(law.drift_sd * rng.normal(size=(days, promotions)), axis=0)
    own = 0.3 * rng.normal(size=promotions)[promotion]
    second = truth.second_day_sd * rng.normal(size=days)
    return (
        logit(0.03) + base + shared[:, None] + drift[:, promotion],
        logit(0.08) + own + second[:, None],
    )


def _bought(
    rng: Rng,
    law: Law,
    ratio: Floats,
    price: Floats,
    pool: Floats,
    share: Floats,
    at: tuple[Ints, Ints],
) -> tuple[Floats, Floats]:
    """Impressions delivered and money charged on one day, by line item."""
    pooled = np.zeros_like(pool)
    if law.free:
        np.add.at(pooled, at, ratio)
        return ratio * (pool / pooled)[at], np.full(len(ratio), np.nan)
    reach, asked = (share * pool)[at], price * ratio
    price = price * np.exp(law.row_noise * rng.normal(size=len(price)))
    wanted = response.impressions(asked, price, reach, law.saturation)
    np.add.at(pooled, at, wanted)
    cut = np.minimum(1.0, pool / pooled)[at]
    charged = response.cost(wanted * cut, price, reach, law.saturation)
    return wanted * cut, np.where(cut < 1, charged, asked)


def read(rng: Rng, booked: Floats, age: Floats, delay: Delay) -> tuple[Floats, Readings]:
    """What is seen of booked conversions at the last reading, and all readings."""
    readings: list[tuple[Ints, Floats, Floats]] = []
    seen, before, there = np.zeros_like(booked), np.zeros_like(booked), np.zeros_like(booked)
    for limit in AGES:
        now = np.minimum(age, limit)
        fresh = now > before
        share = np.where(fresh, delay.seen(now), there)
        chance = np.clip((share - there) / (1 - there), 0, 1)
        seen = seen + rng.binomial((booked - seen).astype(np.int64), chance)
        readings.append((np.flatnonzero(fresh), now[fresh], seen[fresh]))
        before, there = now, share
    item, ages, counts = (np.concatenate(part) for part in zip(*readings, strict=True))
    return seen, Readings(item, ages, counts)


def without(history: History, *names: str) -> History:
    """The same history with columns that the shop did not record."""
    gap = np.full(len(history.day), np.nan)
    return replace(history, **dict.fromkeys(names, gap))


def only(history: History, kept: np.ndarray) -> History:
    """The same history with some of its rows, read once."""
    return replace(history, readings=None, **{name: getattr(history, name)[kept] for name in ROWS})
