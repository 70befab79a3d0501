"""Each fit against the same thing computed the long way round."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from tests.calibration.shop import Size, draw_shop

from promopilot.envs import response
from promopilot.envs.arrays import Floats
from promopilot.envs.calibration.ar1 import _filter, fit_ar1
from promopilot.envs.calibration.curve import premium, rise_and_tilt
from promopilot.envs.calibration.estimate import Estimate, believed, judged
from promopilot.envs.calibration.pooling import moments, pooled_weights
from promopilot.envs.calibration.price_and_reach import linearise, priced_rows
from promopilot.envs.calibration.reach_moments import reach_moments
from promopilot.envs.calibration.season import Evidence, Levels, solve_season, weekday_contrasts
from promopilot.envs.calibration.two_way import TwoWay
from promopilot.envs.calibration.walk import fit_path, smoothed
from promopilot.envs.priors import PRIORS
from promopilot.envs.response import Saturation

FAMILIES = [Saturation(), Saturation("michaelis_menten"), Saturation("hill", 1.6)]


@pytest.mark.parametrize("saturation", FAMILIES, ids=lambda s: s.family)
def test_the_premium_is_what_the_market_charges(saturation: Saturation) -> None:
    share = np.array([1e-6, 9e-5, 2e-4, 0.05, 0.5, 0.99])
    money = response.cost(share * 500, np.array(0.01), np.array(500.0), saturation)
    height, stretch = premium(np.log(share), saturation)
    np.testing.assert_allclose(np.log(money / (share * 500) / 0.01), height, atol=1e-6)
    step = 1e-6
    rise, tilt = rise_and_tilt(np.log(share), saturation)
    above = premium(np.log(share) + step, saturation)[0]
    np.testing.assert_allclose((above - height) / step, rise, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(np.log1p(rise), stretch)
    if saturation.family == "hill":
        steeper = Saturation("hill", saturation.slope * np.exp(step))
        np.testing.assert_allclose(
            (premium(np.log(share), steeper)[0] - height) / step, tilt, rtol=1e-3
        )


def dense_path(days: int, walk: float, noise: float) -> Floats:
    left = np.arange(days)[::-1]
    return walk**2 * np.minimum(left[:, None], left) + noise**2 * np.eye(days)


def test_a_shared_path_is_the_posterior_of_a_gaussian() -> None:
    rng = np.random.default_rng(0)
    prior, weight = dense_path(20, 0.1, 0.05), rng.uniform(10, 100, 20)
    vector = weight * rng.normal(0, 0.2, 20)
    path = fit_path(
        np.diag(weight),
        vector,
        PRIORS["supply_walk_sd"],
        PRIORS["shared_day_sd"],
        (np.log(0.1), np.log(0.05)),
    )
    covariance = np.linalg.inv(np.diag(weight) + np.linalg.inv(prior))
    np.testing.assert_allclose(path.covariance, covariance, atol=1e-9)
    np.testing.assert_allclose(path.mean, covariance @ vector, atol=1e-9)
    still = smoothed(weight, vector[:, None], 0.1)[:, 0]
    alone = dense_path(20, 0.1, 1e-9)
    np.testing.assert_allclose(still, np.linalg.solve(np.eye(20) + alone * weight, alone @ vector))


def test_prices_have_the_restricted_likelihood_of_an_ar1_read_with_error() -> None:
    rng = np.random.default_rng(1)
    days = np.array([0, 1, 2, 5, 6, 9, 11])
    values, variance = np.full(12, np.nan), np.full(12, np.nan)
    values[days], variance[days] = rng.normal(size=7), rng.uniform(0.01, 0.1, 7)
    found = []
    for sd, keep in ((0.5, 0.6), (0.9, 0.95)):
        covariance = sd**2 * keep ** np.abs(days[:, None] - days) + np.diag(variance[days])
        inverse = np.linalg.inv(covariance)
        level = inverse.sum(axis=0) @ values[days] / inverse.sum()
        likelihood = multivariate_normal.logpdf(values[days], np.full(7, level), covariance)
        restricted = likelihood - 0.5 * np.log(inverse.sum())
        mine = _filter(values, variance, np.array([[sd]]), np.array([[keep]]))
        assert mine[1].item() == pytest.approx(level)
        assert mine[2].item() == pytest.approx(1 / inverse.sum())
        found.append((restricted, mine[0].item()))
    (first, mine_first), (second, mine_second) = found
    assert mine_first - mine_second == pytest.approx(first - second)


def test_the_persistence_of_short_series_is_not_biased_downwards() -> None:
    rng, keep, days = np.random.default_rng(2), 0.8, 30
    series = np.zeros((days, 60))
    series[0] = 0.2 * rng.normal(size=60)
    for t in range(1, days):
        series[t] = keep * series[t - 1] + 0.2 * np.sqrt(1 - keep**2) * rng.normal(size=60)
    centred = series - series.mean(axis=0)
    naive = (centred[1:] * centred[:-1]).sum(axis=0) / (centred[:-1] ** 2).sum(axis=0)
    fitted = fit_ar1(series, np.full_like(series, 1e-8))
    assert naive.mean() < 0.72
    assert fitted.persistence.mean() == pytest.approx(keep, abs=0.03)


def test_a_season_is_the_posterior_of_a_linear_model() -> None:
    rng = np.random.default_rng(3)
    days, kinds, segments, noise = 9, 2, 2, np.array([[0.1, 0.2], [0.3, 0.1]])
    weekdays = np.arange(days) % 7
    day, placement = (axis.ravel() for axis in np.indices((days, kinds)))
    root = rng.normal(size=(len(day), segments, segments))
    information = root @ root.transpose(0, 2, 1) * 20
    vector = rng.normal(size=(len(day), segments)) * 20
    flat = np.zeros(len(day))
    evidence = Evidence(day, placement, information, vector, np.zeros_like(vector), flat, flat)
    levels = Levels(np.ones((2, 2)), np.full((2, 2), 0.5), np.array([0.4, 0.0]), 0.0, 0.0)
    at = np.log([0.05, 0.03])
    found = solve_season(evidence, noise, levels, weekdays, (at[0], at[1]))
    # The long way: all logs of reach at once, as one Gaussian vector over days and pools.
    pools = kinds * segments
    index = day[:, None] * pools + placement[:, None] * segments + np.arange(segments)
    told, pull = np.zeros((days * pools,) * 2), np.zeros(days * pools)
    for at_block, inner, outer in zip(index, information, vector, strict=True):
        told[np.ix_(at_block, at_block)] += inner
        pull[at_block] += outer
    shared = np.column_stack([weekday_contrasts()[weekdays], np.arange(days) - (days - 1.0)])
    common = shared * np.array([PRIORS["weekday_effect"].sd] * 6 + [PRIORS["trend"].sd])
    moved = common @ common.T + dense_path(days, *np.exp(at))
    own = np.kron(np.diag([0.4, 0.0]) ** 2, np.ones((2, 2))) + 0.25 * np.eye(4)
    prior = np.kron(moved, np.ones((pools, pools))) + np.kron(np.ones((days, days)), own)
    prior += np.kron(np.eye(days), np.diag(noise.ravel() ** 2))
    mean = np.ones(days * pools)
    covariance = np.linalg.inv(told + np.linalg.inv(prior))
    posterior = covariance @ (pull + np.linalg.solve(prior, mean))
    given = np.einsum(
        "bij,bj->bi",
        found.gain,
        vector + found.expected[day, placement] / noise[placement] ** 2,
    )
    np.testing.assert_allclose(given, posterior[index], atol=1e-6)


def test_the_exact_mean_of_reach_is_that_of_a_fine_grid() -> None:
    history, truth = draw_shop(
        np.random.default_rng(4), Size(promotions=6, placements=1, segments=1, days=40)
    )
    rows, saturation, row_sd, noise = priced_rows(history), Saturation(), 0.2, 0.3
    blocks = len(rows.day)
    expected = np.full((blocks, 1), truth.log_reach.item())
    line = linearise(
        rows, expected, np.full(blocks, truth.log_price.item()), saturation, np.full(blocks, row_sd)
    )
    sd = np.full((blocks, 1), noise)
    found = reach_moments(rows, line, expected, sd**-2, (expected, sd), saturation)
    mine = rows.block == 0
    impressions, price = rows.log_impressions[mine], rows.log_price[mine]
    reach = np.linspace(-1.5, 1.5, 301)[:, None, None] + expected[0]
    level = np.linspace(-1, 1, 301)[:, None] + price.mean()
    inside = impressions - reach < 0
    height, stretch = premium(np.where(inside, impressions - reach, -1.0), saturation)
    weight = line.row_weight[mine]
    log = (-0.5 * weight * (price - height - level) ** 2 + stretch).sum(axis=-1)
    log += -0.5 * ((reach - expected[0]) / noise)[..., 0] ** 2
    density = np.where(inside.all(axis=-1), np.exp(log - log.max()), 0.0).sum(axis=1)
    density /= density.sum()
    mean = density @ reach[:, 0, 0]
    assert found.mean[0, 0] == pytest.approx(mean, abs=1e-3)
    spread = np.sqrt(density @ (reach[:, 0, 0] - mean) ** 2)
    assert found.sd[0, 0] == pytest.approx(spread, rel=1e-2)


def test_a_unit_without_data_learns_from_the_others() -> None:
    prior = PRIORS["price_sd"]
    axis = np.log(prior.mean) + np.linspace(-3, 3, 121)
    told = -0.5 * ((axis - np.log(0.4)) / 0.05) ** 2
    likelihood = np.stack([told, told, told, np.zeros(121)])[:, :, None]
    weights = pooled_weights(likelihood, (axis, np.zeros(1)), (prior, prior))
    mean, sd = moments(weights, axis[:, None])
    np.testing.assert_allclose(mean[:3], np.log(0.4), atol=0.01)
    assert np.log(0.3) < mean[3] < np.log(0.4)
    assert prior.between < sd[3] < prior.sd


def test_factors_of_line_items_and_days_keep_every_total() -> None:
    rng = np.random.default_rng(5)
    item, day = (axis.ravel() for axis in np.indices((6, 10)))
    kept = rng.random(60) < 0.8
    table = TwoWay(rng.poisson(5.0, kept.sum()).astype(float), item[kept], day[kept], 10)
    expected, _ = table.expected(rng.uniform(1, 3, kept.sum()), np.ones(10))
    for axis in (item[kept], day[kept]):
        np.testing.assert_allclose(
            np.bincount(axis, expected), np.bincount(axis, table.counts), rtol=1e-5
        )
    within = table.within(rng.normal(size=kept.sum()), expected)
    np.testing.assert_allclose(np.bincount(day[kept], expected * within), 0.0, atol=1e-4)


def test_an_estimate_counts_where_it_narrows_the_prior() -> None:
    prior = PRIORS["fatigue_exponent"]
    assert judged("fatigue_exponent", 0.3, 0.9 * prior.sd) == believed("fatigue_exponent")
    told = judged("fatigue_exponent", 0.3, 0.5 * prior.sd)
    assert (float(told.value), told.from_data) == (0.3, True)
    low, high = Estimate(np.array(0.5), np.array(0.1), "logit", True).interval(0.95)
    assert 0 < low < 0.5 < high < 1
    assert low + high == pytest.approx(1.0)
