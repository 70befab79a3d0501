from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from promopilot.experiments.ope.bandit.evaluate import evaluate_log
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.estimator import Terms
from promopilot.experiments.ope.inference.bootstrap import percentile_interval, resample
from promopilot.experiments.ope.inference.sums import groups_of, sum_by_group
from promopilot.experiments.ope.settings import OpeSettings

CONTEXTS, ACTIONS = 6, 3


@pytest.fixture(scope="module")
def world():
    """Logging and judged policy, true rewards, estimated rewards: each [contexts, A]."""
    rng = np.random.default_rng(12)
    logging = rng.dirichlet(np.full(ACTIONS, 8.0), size=CONTEXTS)
    judged = rng.dirichlet(np.full(ACTIONS, 8.0), size=CONTEXTS)
    truth = rng.uniform(0.2, 0.8, size=(CONTEXTS, ACTIONS))
    guess = np.clip(truth + 0.15 * rng.normal(size=truth.shape), 0.0, 1.0)
    return logging, judged, truth, guess


def draw(world, rng, clusters, per_cluster=1):
    """A log of clusters whose rows share a context and a common luck."""
    logging, judged, truth, guess = world
    context = np.repeat(rng.integers(CONTEXTS, size=clusters), per_cluster)
    chosen = rng.random(len(context))[:, None] > logging[context].cumsum(axis=1)
    action = np.minimum(chosen.sum(axis=1), ACTIONS - 1)
    luck = np.repeat(rng.normal(scale=0.2, size=clusters), per_cluster)
    noise = rng.normal(scale=0.3, size=len(context))
    log = BanditLog(
        action=action,
        reward=truth[context, action] + luck + noise,
        propensity=logging[context, action],
        cluster=np.repeat(np.arange(clusters), per_cluster),
        evidence="logged",
        actions=("a", "b", "c"),
    )
    return log, judged[context], guess[context]


@pytest.mark.parametrize(("clusters", "per_cluster"), [(250, 1), (100, 4)])
def test_intervals_hold_the_truth_as_often_as_they_say(world, clusters, per_cluster):
    logging, judged, truth, _ = world
    value = (judged * truth).sum(axis=1).mean()
    gain = value - (logging * truth).sum(axis=1).mean()
    settings = OpeSettings(replicates=500)
    rng = np.random.default_rng(1)
    hits = dict.fromkeys([(n, k) for n in ("ipw", "snipw", "dr", "sndr") for k in (0, 1)], 0)
    logs = 300
    for seed in range(logs):
        result = evaluate_log(*draw(world, rng, clusters, per_cluster), settings, seed)
        for row in result["estimates"]:
            if row["estimator"] == "dm":
                continue  # its interval is that of dr, stretched
            for kind, (key, target) in enumerate((("ci95", value), ("diff_ci95", gain))):
                low, high = row[key]
                hits[row["estimator"], kind] += low <= target <= high
    for which, count in hits.items():
        # Refuse where 300 logs show coverage outside 92 to 98 % beyond chance.
        assert binomtest(count, logs, 0.92, alternative="less").pvalue > 0.01, (which, count)
        assert binomtest(count, logs, 0.98, alternative="greater").pvalue > 0.01, (which, count)


def test_clusters_widen_intervals_where_their_rows_agree(world):
    log, policy, qhat = draw(world, np.random.default_rng(2), 60, per_cluster=10)
    alone = replace(log, cluster=np.arange(len(log.action)))
    width = {}
    for name, each in (("clustered", log), ("alone", alone)):
        row = evaluate_log(each, policy, qhat, OpeSettings(), 0, ["dr"])["estimates"][0]
        width[name] = row["ci95"][1] - row["ci95"][0]
    assert width["clustered"] > 1.3 * width["alone"]


def test_rows_in_another_order_give_the_same_numbers(world):
    log, policy, qhat = draw(world, np.random.default_rng(3), 80, per_cluster=3)
    order = np.random.default_rng(4).permutation(len(log.action))
    shuffled = replace(
        log,
        action=log.action[order],
        reward=log.reward[order],
        propensity=log.propensity[order],
        cluster=log.cluster[order],
    )
    first = evaluate_log(log, policy, qhat, OpeSettings(), 5)
    second = evaluate_log(shuffled, policy[order], qhat[order], OpeSettings(), 5)
    for one, two in zip(first["estimates"], second["estimates"], strict=True):
        assert two["estimate"] == pytest.approx(one["estimate"], rel=0, abs=1e-12)
        assert two["diff_ci95"] == pytest.approx(one["diff_ci95"], rel=0, abs=1e-12)


def test_same_seed_same_interval_and_another_seed_another(world):
    arguments = draw(world, np.random.default_rng(6), 100)
    ends = [
        evaluate_log(*arguments, OpeSettings(), seed, ["dr"])["estimates"][0]["ci95"]
        for seed in (1, 1, 2)
    ]
    assert ends[0] == ends[1]
    assert ends[0] != ends[2]


def test_sums_by_group_add_up():
    group = groups_of(np.array([7, 3, 7, 5]), 10, np.random.default_rng(0))
    values = np.array([1.0, 2.0, 4.0, 8.0])
    sums = sum_by_group(group, values, [Terms(10.0 * values)])
    assert sums.matrix.tolist() == [[1.0, 2.0, 20.0], [1.0, 8.0, 80.0], [2.0, 5.0, 50.0]]


@pytest.mark.parametrize("most", [100_000, 500])
def test_dealing_clusters_into_groups_keeps_spread_and_lean(most):
    rng = np.random.default_rng(8)
    values = rng.exponential(size=20_000) ** 2
    group = groups_of(np.arange(20_000), most, rng)
    sums = sum_by_group(group, values, [])
    drawn = resample(sums.matrix, 4000, np.random.default_rng(9))
    mean = sums.logged(drawn)
    assert mean.std() == pytest.approx(values.std() / np.sqrt(len(values)), rel=0.12)
    assert mean.mean() == pytest.approx(values.mean(), rel=0.01)


def test_undefined_replicates_are_left_out_and_too_many_give_no_interval():
    values = np.linspace(0.0, 1.0, 101)
    some = np.concatenate([values, np.full(20, np.nan)])
    assert percentile_interval(some, 0.9) == pytest.approx((0.05, 0.95))
    most = np.concatenate([values, np.full(200, np.nan)])
    assert np.isnan(percentile_interval(most, 0.9)).all()
