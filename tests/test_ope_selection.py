import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit.case import bandit_case
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.request import parse_requests
from promopilot.experiments.ope.selection import evaluate_candidates
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.simultaneous import compare_with_best, stretches

QUICK = OpeSettings(replicates=400)
# Expected reward of each action, whatever the context.
VALUE = np.array([0.0, 0.1, 0.2, 0.3])


def make_log(rng, count=600, value=VALUE):
    action = rng.integers(4, size=count)
    return BanditLog(
        action=action,
        reward=value[action] + rng.normal(size=count),
        propensity=np.full(count, 0.25),
        cluster=np.arange(count),
        evidence="logged",
        actions=("a", "b", "c", "d"),
    )


def always(log, action, model=0.0):
    policy = np.zeros((len(log.action), 4))
    policy[:, action] = 1.0
    return bandit_case(log, policy, np.full(policy.shape, model))


def selected(log, names="abcd", settings=QUICK, seed=0):
    cases = {name: always(log, "abcd".index(name)) for name in names}
    requests = parse_requests(["dr"], cases[names[0]].kind)
    return evaluate_candidates(cases, requests, settings, seed)


def test_one_candidate_is_evaluated_as_if_alone():
    log = make_log(np.random.default_rng(0))
    case = always(log, 3)
    requests = parse_requests([], case.kind)
    results, selection = evaluate_candidates({"d": case}, requests, QUICK, 7)
    assert results == {"d": evaluate(case, requests, QUICK, 7)}
    [row] = selection["candidates"]
    assert row["gain_interval"] == row["gain_interval_alone"]
    assert row["gain_interval"] == next(
        one["diff_ci95"] for one in results["d"]["estimates"] if one["estimator"] == "dr"
    )
    assert selection["may_be_best"] == [selection["best"]] == ["d"]


def test_gains_of_all_candidates_are_covered_at_once():
    """Each interval alone covers 95 %, all four together far fewer; stretched ones 95 % again."""
    rng = np.random.default_rng(1)
    gains = VALUE - VALUE.mean()
    together = alone = kept = 0
    logs = 200
    for seed in range(logs):
        _, found = selected(make_log(rng, 400), seed=seed, settings=OpeSettings(replicates=200))
        rows = found["candidates"]
        for key in ("gain_interval", "gain_interval_alone"):
            inside = [
                row[key][0] <= gain <= row[key][1] for row, gain in zip(rows, gains, strict=True)
            ]
            together += all(inside) and key == "gain_interval"
            alone += all(inside) and key == "gain_interval_alone"
        kept += "d" in found["may_be_best"]
    assert 0.905 <= together / logs <= 0.99
    assert alone / logs < 0.90
    assert kept / logs >= 0.93


def test_equal_candidates_seldom_ship_any():
    shipped = 0
    for seed in range(60):
        log = make_log(np.random.default_rng(seed), 400, np.zeros(4))
        _, found = selected(log, seed=seed, settings=OpeSettings(replicates=200))
        shipped += found["verdict"] == "ship"
    assert shipped <= 4  # 2.5 % of all candidates' logs are expected


def test_what_selection_json_says():
    log = make_log(np.random.default_rng(2), count=6000)
    results, found = selected(log)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [row["policy"] for row in found["candidates"]] == ["a", "b", "c", "d"]
    assert list(results) == ["a", "b", "c", "d"]
    for row in found["candidates"]:
        assert row["verdict"] == results[row["policy"]]["verdict"]
        low, high = row["gain_interval"]
        inner = row["gain_interval_alone"]
        assert low < inner[0] < row["gain"] < inner[1] < high
        told = f"from {low:.4g} to {high:.4g}, which holds for all 4 policies at once"
        assert told in results[row["policy"]]["diagnostics"]["notes"][-1]
        assert row["ahead_interval"][0] <= row["ahead_of_others"] <= row["ahead_interval"][1]
    assert found["best"] == found["recommended"] == "d"
    assert found["verdict"] == "ship"
    assert "'d' has the evidence to switch at once" in found["text"]
    assert "a" not in found["may_be_best"]


def test_a_candidate_alone_may_ship_where_among_many_it_does_not():
    """The verdict rests on the interval that holds for all at once."""
    for seed in range(200):
        log = make_log(np.random.default_rng(seed))
        alone, _ = selected(log, "d", seed=seed)
        if alone["d"]["verdict"] == "ship":
            among, found = selected(log, seed=seed)
            row = found["candidates"][3]
            [decides] = among["d"]["estimates"]
            assert decides.pop("gain_ci95_all") == row["gain_interval"]
            assert among["d"]["estimates"] == alone["d"]["estimates"]
            if row["gain_interval"][0] <= 0.0 < row["gain_interval_alone"][0]:
                assert among["d"]["verdict"] == "test_first"
                assert among["d"]["rules"] == ["no_gain"]
                return
    raise AssertionError("no log decided differently")


def test_the_logged_policy_and_one_that_cannot_be_told_stand_among_the_candidates():
    log = make_log(np.random.default_rng(3), count=6000)
    padded = replace(log, actions=(*log.actions, "e"))
    never = np.zeros((6000, 5))
    never[:, 4] = 1.0
    model = np.zeros((6000, 5))
    cases = {
        "d": bandit_case(padded, np.eye(5)[np.full(6000, 3)], model),
        "today": bandit_case(padded, "logged", model),
        "e": bandit_case(padded, never, model),
    }
    results, found = evaluate_candidates(cases, parse_requests([], cases["d"].kind), QUICK, 0)
    rows = {row["policy"]: row for row in found["candidates"]}
    assert rows["today"]["gain_interval"] == [0.0, 0.0]
    assert rows["e"]["verdict"] == "insufficient_support"
    assert rows["d"]["verdict"] == "ship"
    assert not rows["today"]["may_be_best"]
    assert results["today"]["verdict"] == "test_first"


def test_twins_cannot_be_told_apart():
    log = make_log(np.random.default_rng(4), count=6000)
    cases = {"one": always(log, 3), "two": always(log, 3), "poor": always(log, 0)}
    _, found = evaluate_candidates(cases, parse_requests([], cases["one"].kind), QUICK, 0)
    assert found["may_be_best"] == ["one", "two"]
    assert "'one' and 'two' cannot be told apart" in found["text"]
    rows = {row["policy"]: row for row in found["candidates"]}
    assert rows["one"]["ahead_of_others"] == 0.0
    assert rows["poor"]["ahead_interval"][1] == 0.0


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        (lambda log, other: {}, "no policy is given"),
        (
            lambda log, other: {"x": always(log, 0), "y": always(other, 0)},
            "'x' and 'y' are not evaluated from the same log",
        ),
    ],
)
def test_candidates_of_different_logs_are_refused(cases, message):
    log, other = (make_log(np.random.default_rng(seed)) for seed in (0, 1))
    with pytest.raises(LogError, match=message):
        evaluate_candidates(cases(log, other), [], QUICK, 0)


def test_independent_estimates_are_stretched_as_sidak_says():
    influence = np.zeros((4000, 4))
    influence[np.arange(4000), np.arange(4000) % 4] = np.random.default_rng(5).normal(size=4000)
    influence -= influence.mean(axis=0)
    found = stretches(influence, 0.95, 20_000, np.random.default_rng(0))
    sidak = norm.ppf(0.5 + 0.95**0.25 / 2.0) / norm.ppf(0.975)
    np.testing.assert_allclose(found, sidak, rtol=0.02)


def test_estimates_that_move_together_need_no_stretch():
    one = np.random.default_rng(6).normal(size=(500, 1))
    one -= one.mean()
    found = stretches(one * np.array([1.0, 3.0, 0.0]), 0.95, 500, np.random.default_rng(0))
    np.testing.assert_allclose(found, 1.0)


def test_the_best_is_found_by_what_differences_tell():
    """Two estimates that share nearly all of their noise are told apart by what is left."""
    rng = np.random.default_rng(7)
    shared = rng.normal(size=(1000, 1)) / 30.0
    influence = shared + rng.normal(size=(1000, 2)) / 3000.0
    influence -= influence.mean(axis=0)
    found = compare_with_best(np.array([0.0, 0.1]), influence, 0.95, 400, rng)
    np.testing.assert_array_equal(found.may_be, [False, True])
    np.testing.assert_allclose(found.ahead, [-0.1, 0.1])
    assert found.high[0] == 0.0
    assert found.low[1] == 0.0
    assert found.low[0] < -0.1
    assert found.high[1] > 0.1
