from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from promopilot.experiments.ope.bandit.case import BANDIT, bandit_case
from promopilot.experiments.ope.bandit.evaluate import evaluate_log
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.estimates import estimate_all
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.request import Request
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
    # Not the direct method: its interval is that of dr, stretched.
    estimators = [BANDIT.families[name].make() for name in ("ipw", "snipw", "dr", "sndr")]
    hits: Counter[tuple[str, str]] = Counter()
    logs = 300
    for _ in range(logs):
        case = bandit_case(*draw(world, rng, clusters, per_cluster))
        for one in estimate_all(case, estimators, case.cluster, settings, rng):
            for of, ends, target in (
                ("value", one.interval, value),
                ("gain", one.gain_interval, gain),
            ):
                hits[one.estimator.name, of] += ends[0] <= target <= ends[1]
    assert len(hits) == 8
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


@pytest.mark.parametrize("method", ["influence", "bernstein"])
def test_other_intervals_are_there_when_asked_for(world, method):
    arguments = draw(world, np.random.default_rng(7), 200)
    usual = evaluate_log(*arguments, OpeSettings(), 0)["estimates"]
    asked = evaluate_log(*arguments, OpeSettings(interval=method), 0)["estimates"]
    assert {row["interval"] for row in usual} == {"bootstrap"}
    assert {row["interval"] for row in asked} == {method}
    for one, other in zip(usual, asked, strict=True):
        assert one["estimate"] == other["estimate"]
        assert one["diff_ci95"] != other["diff_ci95"]


def test_bernsteins_interval_is_the_widest_and_influences_about_the_bootstraps(world):
    arguments = draw(world, np.random.default_rng(8), 2_000)
    width = {}
    for method in ("auto", "influence", "bernstein"):
        rows = evaluate_log(*arguments, OpeSettings(interval=method), 0, ["dr"])["estimates"]
        width[method] = rows[0]["ci95"][1] - rows[0]["ci95"][0]
    assert width["influence"] == pytest.approx(width["auto"], rel=0.15)
    assert width["bernstein"] > 1.2 * width["auto"]


def test_a_models_interval_is_no_narrower_than_what_its_errors_tell(world):
    """How decisions differ does not show how wrong a model is; weighted residuals do."""
    log, policy, qhat = draw(world, np.random.default_rng(9), 400)
    off = qhat + 0.5
    rows = {
        row["estimator"]: row
        for row in evaluate_log(log, policy, off, OpeSettings(), 0)["estimates"]
    }
    dm, dr = rows["dm"], rows["dr"]
    assert dm["ci95"][0] <= dr["ci95"][0]
    assert dm["ci95"][1] == dm["estimate"] > dr["ci95"][1]
    assert dm["diff_ci95"][1] == dm["diff_vs_logged"]


def test_where_models_are_fitted_error_counts_all_the_same(world):
    """The same sums, so the same interval, whoever made the reward estimates."""
    log, policy, qhat = draw(world, np.random.default_rng(10), 400)
    given, fitted = (
        evaluate(
            bandit_case(log, policy, qhat, reward_model=model), [Request("dr")], OpeSettings(), 0
        )
        for model in ("given", "cross-fitted")
    )
    assert given["estimates"] == fitted["estimates"]


def test_the_gain_of_the_logged_policy_has_no_width():
    rng = np.random.default_rng(11)
    log = BanditLog(
        action=rng.integers(2, size=300),
        reward=1e6 + rng.normal(size=300),
        propensity=np.full(300, 0.5),
        cluster=np.arange(300),
        evidence="logged",
        actions=("a", "b"),
    )
    for row in evaluate_log(log, "logged", np.zeros((300, 2)), OpeSettings(), 0)["estimates"]:
        if row["estimator"] != "dm":
            assert row["diff_ci95"] == [0.0, 0.0]
