"""Do the stated uncertainties hold the truth as often as they say?"""

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import binomtest, norm
from tests.calibration.shop import Truth, draw_shop

from promopilot.envs.arrays import Floats
from promopilot.envs.calibration import Calibration, Estimate, calibrate
from promopilot.envs.calibration.estimate import to_scale

LEVEL, REJECTED = 0.8, 0.01
DAYS = np.array([1.0, 3.0, 7.0])
# Without noise of rows the law is the design's; with it, what a platform's prices look like.
LAWS = {"design": (0.0, 100), "noisy prices": (0.1, 60)}
EXACT = (
    "price level",
    "price sd",
    "price persistence",
    "weekday factors",
    "trend",
    "reach",
    "supply noise",
    "slow walk of supply",
    "fatigue exponent",
    "walk of rates",
    "noise of first stage",
    "noise of second stage",
    "seen after 1 day",
    "seen after 3 days",
    "seen after 7 days",
)
# The size of a shared noise close to none: its lower end is bounded, its interval wide.
AT_LEAST = ("shared noise of supply",)


def standard(estimate: Estimate, truth: Floats | float) -> Floats:
    """Errors in units of the stated sd."""
    error = to_scale(estimate.value, estimate.scale) - to_scale(truth, estimate.scale)
    return np.ravel(error / estimate.sd)


def errors(found: Calibration, truth: Truth) -> dict[str, Floats]:
    assert found.delay_fit is not None
    log_odds, sd = found.delay_fit.seen(DAYS)
    seen = (log_odds - logit(truth.delay.seen(DAYS))) / sd
    return {
        "price level": standard(found.price, np.exp(truth.log_price)),
        "price sd": standard(found.price_sd, truth.price_sd),
        "price persistence": standard(found.price_persistence, truth.price_persistence),
        "weekday factors": standard(found.weekday, truth.weekday),
        "trend": standard(found.trend, truth.trend),
        "reach": standard(found.reach, np.exp(truth.log_reach)),
        "supply noise": standard(found.supply_sd, truth.supply_sd),
        "shared noise of supply": standard(found.supply_day_sd, truth.supply_day_sd),
        "slow walk of supply": standard(found.supply_walk_sd, truth.supply_walk_sd),
        "fatigue exponent": standard(found.fatigue_exponent, truth.fatigue_exponent),
        "walk of rates": standard(found.rate_walk_sd, truth.rate_walk_sd),
        "noise of first stage": standard(found.first_day_sd, truth.first_day_sd),
        "noise of second stage": standard(found.second_day_sd, truth.second_day_sd),
        "seen after 1 day": seen[:1],
        "seen after 3 days": seen[1:2],
        "seen after 7 days": seen[2:],
    }


@pytest.fixture(scope="module", params=LAWS)
def covered(request: pytest.FixtureRequest) -> dict[str, list[bool]]:
    row_noise, worlds = LAWS[request.param]
    return inside(range(worlds), row_noise)


def inside(worlds: range, row_noise: float = 0.0) -> dict[str, list[bool]]:
    """Per world, whether the interval of one element (another in each world) holds the truth."""
    held: dict[str, list[bool]] = {}
    for seed in worlds:
        history, truth = draw_shop(np.random.default_rng(seed), row_noise=row_noise)
        for name, error in errors(calibrate(history), truth).items():
            away = abs(error[seed % len(error)])
            held.setdefault(name, []).append(bool(away < norm.ppf(0.5 + LEVEL / 2)))
    return held


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", EXACT)
def test_intervals_hold_the_truth_at_their_level(covered: dict[str, list[bool]], name: str) -> None:
    held = covered[name]
    assert binomtest(sum(held), len(held), LEVEL).pvalue > REJECTED, f"{sum(held)} of {len(held)}"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", AT_LEAST)
def test_intervals_hold_the_truth_at_least_at_their_level(
    covered: dict[str, list[bool]], name: str
) -> None:
    held = covered[name]
    chance = binomtest(sum(held), len(held), LEVEL, alternative="less").pvalue
    assert chance > REJECTED, f"{sum(held)} of {len(held)}"


def test_intervals_of_a_few_shops_hold_most_of_the_truth() -> None:
    hits = [hit for held in inside(range(200, 204)).values() for hit in held]
    assert np.mean(hits) > 0.65
