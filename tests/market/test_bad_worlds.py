"""Every world that breaks a rule is refused, with the value and the rule."""

import re
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from tests.market.build import SMALL, with_parts

from promopilot.envs.dynamics import Delay
from promopilot.envs.errors import MarketError
from promopilot.envs.rates import Stage
from promopilot.envs.response import Saturation
from promopilot.envs.synthetic import synthetic_world

INF, NAN = float("inf"), float("nan")
WORLD = synthetic_world(SMALL)
DAYS, ITEMS, PROMOTIONS, PLACEMENTS, POOLS, AUDIENCES = 4, 12, 3, 2, 4, 6

Change = dict[str, Any]


def _one(size: int, value: float) -> np.ndarray:
    """Ones but for the last."""
    return np.r_[np.ones(size - 1), value]


BAD: list[Any] = [
    *(({"budget": value}, f"budget is {value}") for value in (0.0, -1.0, NAN, INF)),
    ({"objective": "fame"}, "Objective 'fame' is not one of net_profit, profit"),
    *(
        ({"unit_cost": _one(ITEMS, value)}, f"unit_cost holds {value}; .* above 0")
        for value in (0.0, -1.0, NAN)
    ),
    *(
        ({"reach_share": _one(ITEMS, value)}, f"reach_share holds {value}; .* at most 1")
        for value in (0.0, 1.5, NAN)
    ),
    *(
        ({"usual_fatigue_factor": _one(AUDIENCES, value)}, f"usual_fatigue_factor holds {value};")
        for value in (0.0, 1.1, NAN)
    ),
    ({"segment_size": np.zeros(2)}, "segment_size holds 0.0; .* above 0"),
    *(
        ({name: np.full(shape, value)}, f"{name} holds {value}; .* at least 0")
        for name, shape in (
            *(("supply", (DAYS, POOLS)), ("max_spend", ITEMS)),
            *(("current_spend", (DAYS, ITEMS)), ("recent_roas", ITEMS)),
        )
        for value in (-1.0, NAN)
    ),
    ({"covers": ("subsidy",)}, r"covers \('subsidy',\); it must be one of"),
    ({"overrun": "ignore"}, "overrun is 'ignore'; it must be one of"),
    ({"live": np.ones((DAYS, 3), dtype=bool)}, r"live has shape \(4, 3\), not \(4, 12\)"),
    ({"supply": np.ones((DAYS, 3))}, r"supply has shape \(4, 3\), not \(4, 4\)"),
    ({"unit_cost": np.ones(5)}, r"unit_cost has shape \(5,\), not \(12,\)"),
    ({"segment_size": np.ones(3)}, "segment_size has shape"),
    ({"usual_fatigue_factor": np.ones(2)}, "usual_fatigue_factor has shape"),
    ({"recent_roas": np.ones(2)}, r"recent_roas has shape \(2,\), not \(12,\)"),
    (
        {"first": {"rate": np.full((3, ITEMS), 0.1)}},
        r"first_stage.rate has shape \(3, 12\), not \(4, 12\)",
    ),
    ({"initial": {"fatigue": np.full(AUDIENCES, -1.0)}}, "initial.fatigue holds -1.0"),
    ({"initial": {"pending": np.full((2, ITEMS), NAN)}}, "initial.pending holds nan"),
    ({"initial": {"pending": np.zeros(ITEMS)}}, r"initial.pending has shape \(12,\), not \(2, 12"),
    ({"initial": {"log_price": np.zeros(3)}}, "initial.log_price has shape"),
    *(
        ({"dynamics": {name: np.zeros(7)}}, rf"dynamics.{name} has shape \(7,\)")
        for name in (
            *("supply_sd", "supply_level_sd", "price_sd", "price_persistence"),
            *("price_level_sd", "reach_sd", "incrementality_sd"),
        )
    ),
    *(
        ({"dynamics": {name: value}}, f"{name} holds {value}; it must be a number of at least 0")
        for name in (
            *("weekday_sd", "trend_sd", "supply_walk_sd", "fatigue_exponent", "drift_sd"),
            *("fatigue_exponent_sd", "rate_walk_sd", "shock_probability", "shock_size"),
        )
        for value in (-0.1, INF, NAN)
    ),
    ({"dynamics": {"price_persistence": np.ones(2)}}, "price_persistence is 1.0; .* below 1"),
    ({"dynamics": {"fatigue_half_life_days": 0.0}}, "fatigue_half_life_days is 0; .* above 0"),
    ({"dynamics": {"shock_probability": 1.5}}, "shock_probability is 1.5; it is at most 1"),
    ({"supply": np.full((DAYS, POOLS), INF)}, "supply holds inf"),
    ({"unit_cost": np.full(ITEMS, INF)}, "unit_cost holds inf"),
    ({"per_day_max": NAN}, "per_day_max is nan"),
    ({"per_day_max": -5.0}, "per_day_max is -5.0"),
    ({"initial": {"spent": NAN}}, "initial.spent is nan"),
    ({"initial": {"spent": -1e4}}, "initial.spent is -10000.0"),
    ({"initial": {"spent": INF}}, "initial.spent is inf"),
    *(({"initial": {"log_price": np.array([0.0, value])}}, "log_price") for value in (INF, -INF)),
    ({"initial": {"fatigue": np.full(AUDIENCES, INF)}}, "fatigue holds inf"),
    ({"initial": {"pending": np.full((2, ITEMS), INF)}}, "pending holds inf"),
    ({"current_spend": np.full((DAYS, ITEMS), INF)}, "current_spend holds inf"),
    ({"second": {"rate": np.ones((2, ITEMS))}}, "shape"),
    ({"second": {"rate": np.ones((DAYS, 5))}}, "shape"),
    ({"first": {"own_sd": np.full(1, 0.1)}}, "shape"),
    ({"first": {"shared_sd": np.full(7, 0.1)}}, "shape"),
    ({"first": {"shared_sd": np.full(3, INF)}}, "shared_sd"),
    ({"second": {"own_sd": np.full(ITEMS, INF)}}, "own_sd"),
    ({"start": "2024-01-01"}, "start"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_a_bad_world_is_refused(change: Change, message: str) -> None:
    with pytest.raises(MarketError, match=message):
        with_parts(WORLD, **change)


def test_without_clicks_an_uncertain_second_stage_is_refused() -> None:
    with pytest.raises(MarketError, match="the second stage is 1"):
        replace(WORLD.rates, has_clicks=False)


def test_a_flight_of_no_days_is_refused() -> None:
    first, second = WORLD.rates.stages
    rates = replace(
        WORLD.rates,
        first_stage=replace(first, rate=first.rate[:0]),
        second_stage=replace(second, rate=second.rate[:0]),
    )
    nothing = {name: getattr(WORLD, name)[:0] for name in ("supply", "live", "current_spend")}
    with pytest.raises(MarketError, match="day"):
        replace(WORLD, rates=rates, **nothing)


c = WORLD.catalog
BAD_CATALOGS: list[Any] = [
    *(
        ({name: _one(PROMOTIONS, value)}, f"{name} of promotion promotion-2 is {value}; .* between")
        for name, values in {
            "price": (-1.0, NAN, INF),
            "margin": (-0.1, 1.1, NAN),
            "incrementality": (-0.1, 1.1, NAN),
            "unit_subsidy": (-1.0, NAN, INF),
            "conversion_value": (-1.0, NAN, INF),
            "stock": (-1.0, NAN),
        }.items()
        for value in values
    ),
    ({"price": np.ones(2)}, "price has 2 entries, not 3"),
    ({"stock": np.ones(4)}, "stock has 4 entries, not 3"),
    ({"segment": c.segment[:5]}, "segment has 5 entries, not 12"),
    ({"promotion": c.promotion[::-1]}, "not sorted by promotion"),
    ({name: getattr(c, name)[:0] for name in ("promotion", "placement", "segment")}, "no line it"),
    *(
        ({name: getattr(c, name) + by}, name)
        for name in ("promotion", "placement", "segment")
        for by in (-1, 1)
    ),
]


@pytest.mark.parametrize(("change", "message"), BAD_CATALOGS)
def test_a_bad_catalog_is_refused(change: Change, message: str) -> None:
    with pytest.raises(MarketError, match=message):
        with_parts(WORLD, catalog=change)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        *((lambda v=v: Delay(v, 0, 1), f"delay.fast_share is {v}; .* 0 to 1") for v in (-0.1, 1.1)),
        (lambda: Delay(NAN, 0, 1), "delay.fast_share is nan"),
        (lambda: Delay(0.5, -1, 1), "delay.fast_days holds -1"),
        (lambda: Delay(0.5, 1, INF), "delay.slow_days holds inf"),
        (lambda: Delay(0.5, 1, 1, NAN), "delay.fast_share_sd holds nan"),
        (lambda: Delay(0.5, 1, 1, 0, -1), "delay.slow_days_sd holds -1"),
        (lambda: Saturation("linear"), "Saturation 'linear' is not one of exponential, michaelis"),
        *((lambda v=v: Saturation("hill", v), f"slope of saturation is {v}") for v in (0, -1, INF)),
        (lambda: Saturation("hill", NAN), "slope of saturation is nan"),
        *(
            (lambda v=v: Stage(np.full((1, 1), v), np.ones(1), np.ones(1)), f"A rate is {v}; rates")
            for v in (-0.1, 1.1, NAN)
        ),
        (lambda: Stage(np.ones((1, 1)), np.full(1, -1.0), np.ones(1)), "shared_sd holds a value"),
        (lambda: Stage(np.ones((1, 1)), np.ones(1), np.full(1, NAN)), "own_sd holds a value"),
    ],
)
def test_a_bad_part_is_refused(make: Any, message: str) -> None:
    with pytest.raises(MarketError, match=message):
        make()


def test_the_message_names_the_value_that_is_bad() -> None:
    with pytest.raises(MarketError, match=re.escape("unit_cost holds -3.5; every value must be")):
        replace(WORLD, unit_cost=_one(ITEMS, -3.5))


def test_nothing_of_the_current_mix_is_negative_when_the_budget_is_spent() -> None:
    world = with_parts(WORLD, initial={"spent": WORLD.budget * 1.1})
    assert (world.current_mix >= 0).all()


def test_the_current_mix_keeps_to_limits_and_budget() -> None:
    live = np.ones((DAYS, ITEMS), dtype=bool)
    live[:, 0] = False
    limits = {"per_day_max": 60.0, "max_spend": np.full(ITEMS, 9.0), "live": live}
    world = with_parts(WORLD, initial={"spent": WORLD.budget / 2}, **limits)
    mix = world.current_mix
    assert (mix <= 9.0).all()
    assert (mix[:, 0] == 0).all()
    assert (mix.sum(axis=1) <= 60.0 + 1e-9).all()
    assert mix.sum() <= world.budget / 2 + 1e-9
    np.testing.assert_array_equal(world.dates, [date(2024, 1, day) for day in (1, 2, 3, 4)])
