from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student_t

from promopilot.experiments.ope.bandit.case import bandit_case
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.request import parse_requests
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust import next_test_words as words
from promopilot.experiments.ope.trust.agreement import Agreement
from promopilot.experiments.ope.trust.amount import amount
from promopilot.experiments.ope.trust.arrangement import days_of
from promopilot.experiments.ope.trust.arrivals import arrivals_of
from promopilot.experiments.ope.trust.clusters import clusters_of
from promopilot.experiments.ope.trust.diagnostics import Diagnostics
from promopilot.experiments.ope.trust.exploration import explored
from promopilot.experiments.ope.trust.next_test import next_test
from promopilot.experiments.ope.trust.rules import Facts, Gain
from promopilot.experiments.ope.trust.scrutiny import Scrutiny
from promopilot.experiments.ope.trust.test_size import (
    Precision,
    detectable,
    spread_of,
    units_per_arm,
)
from promopilot.experiments.ope.trust.verdict import Verdict
from promopilot.experiments.ope.trust.worth import Worth

SEEN = Diagnostics(
    units=500,
    ess=400.0,
    ess_share=0.8,
    max_weight=4.0,
    max_weight_share=0.004,
    tail_mass=0.03,
    mean_weight=1.0,
    mean_weight_z=0.1,
    unsupported_share=0.0,
    unsupported_actions=(),
)
FACTS = Facts(
    *("decision", "logged", "logged", (), SEEN),
    Scrutiny(Agreement("dr", "snipw", 0.0, 1.0, 0.0)),
    Gain(estimate=0.0, low=-0.1, high=0.1, second=0.0),
)
CUSTOM = Precision(confidence=0.95, power=0.8)
START = np.datetime64("2024-03-01T00:00", "m")
DAY = 24 * 60


@pytest.mark.parametrize(("spread", "effect"), [(1.0, 0.1), (0.3, -0.004), (20.0, 5.0)])
@pytest.mark.parametrize("precision", [CUSTOM, Precision(0.9, 0.95)])
def test_sizes_are_the_textbooks(spread, effect, precision):
    z = norm.ppf(0.5 + precision.confidence / 2.0) + norm.ppf(precision.power)
    textbook = 2.0 * (z * spread / effect) ** 2
    assert textbook <= units_per_arm(spread, effect, precision) <= textbook + 3.0


def test_lehrs_rule_of_sixteen():
    assert units_per_arm(1.0, 0.05, CUSTOM) == pytest.approx(16.0 / 0.05**2, rel=0.02)


@pytest.mark.parametrize("size", [3, 10, 2000])
def test_a_size_detects_what_it_was_made_for(size):
    effect = detectable(2.0, size, CUSTOM)
    assert units_per_arm(2.0, effect * (1.0 + 1e-9), CUSTOM) == size


def t_test_finds(one, other, rng_free=0.05):
    error = np.sqrt((one.var(axis=1, ddof=1) + other.var(axis=1, ddof=1)) / one.shape[1])
    t = (one.mean(axis=1) - other.mean(axis=1)) / error
    return np.abs(t) > student_t.ppf(1.0 - rng_free / 2.0, 2 * one.shape[1] - 2)


@pytest.mark.parametrize("effect", [0.2, 0.6])
def test_the_designed_test_has_the_power_it_claims(effect):
    size, rng = units_per_arm(1.0, effect, CUSTOM), np.random.default_rng(0)
    arms = rng.normal(size=(2, 4000, size))
    assert t_test_finds(arms[0] + effect, arms[1]).mean() == pytest.approx(0.8, abs=0.03)
    assert t_test_finds(arms[0], arms[1]).mean() == pytest.approx(0.05, abs=0.012)


def customers(rng, count, effect=0.0):
    """Rewards and customers whose rows, one to seven of them, share a customer's own level."""
    size = rng.integers(1, 8, size=count)
    code = np.repeat(np.arange(count), size)
    level = rng.normal(scale=0.5, size=count)
    return 1.0 + effect + level[code] + rng.normal(size=len(code)), code


def test_customers_dealt_as_a_whole_have_the_power_too():
    rng = np.random.default_rng(1)
    reward, code = customers(rng, 4000)
    spread = spread_of(reward, clusters_of(code))
    size = units_per_arm(spread, 0.15, CUSTOM)
    single = units_per_arm(float(reward.std()), 0.15, CUSTOM) / (len(code) / 4000)
    assert size > 1.5 * single  # as if rows were dealt one by one
    found = 0
    for _ in range(400):
        arms = [customers(rng, size, effect) for effect in (0.15, 0.0)]
        means = [arm.mean() for arm, _ in arms]
        errors = [clusters_of(who).error_of_mean(arm) for arm, who in arms]
        found += abs(means[0] - means[1]) > 1.96 * np.hypot(*errors)
    assert found / 400 == pytest.approx(0.8, abs=0.06)


def test_the_design_effect_of_equal_clusters():
    reward = np.repeat(np.random.default_rng(0).normal(size=300), 5)
    assert spread_of(reward, clusters_of(np.repeat(np.arange(300), 5))) == pytest.approx(
        reward[::5].std(ddof=1)
    )
    assert np.isnan(spread_of(reward, clusters_of(np.zeros(1500, dtype=int))))


def test_the_usable_evidence_of_a_log_that_explores_is_foretold():
    """Against a log that is really written so; the policy also does what the old log never does."""
    rng = np.random.default_rng(2)
    logging = np.array([0.6, 0.38, 0.02, 0.0])
    policy = np.array([0.05, 0.05, 0.6, 0.3])
    old = rng.choice(4, p=logging, size=50_000)
    foretold = explored((policy / np.maximum(logging, 1e-9))[old], 0.3, 0.2)
    mixed = 0.8 * logging + 0.2 * policy
    weight = (policy / mixed)[rng.choice(4, p=mixed, size=50_000)]
    ess = weight.sum() ** 2 / np.square(weight).sum()
    assert foretold.ess_share == pytest.approx(ess / 50_000, rel=0.03)
    assert foretold.ess_share >= foretold.share
    assert foretold.rows_for(100.0) == int(np.ceil(100.0 / foretold.ess_share))


@pytest.mark.parametrize("weight", [np.zeros(10), np.full(10, 1e90), np.ones(10)])
def test_exploring_by_a_share_leaves_no_weight_above_its_inverse(weight):
    found = explored(weight, float(weight.max() == 0.0), 0.1)
    assert 0.1 - 1e-12 <= found.ess_share <= 1.0 + 1e-12


def shoppers(rng, rate, level, days, effect=0.0):
    """Rewards, customers and days of customers who come again and again, each at an own rate."""
    code = np.repeat(np.arange(len(rate)), rng.poisson(rate * days))
    reward = 1.0 + effect + level[code] + rng.normal(size=len(code))
    return reward, code, rng.integers(days, size=len(code))


def drawn_shoppers(rng, count):
    """Visits a day, log-normal, about 5,000 in 30 days for 900 customers; and reward levels."""
    return np.exp(rng.normal(size=count)) / 9.0, 0.2 * rng.normal(size=count)


def designed(reward, code, day, detects):
    """The test for a gain that is worth detecting where the log shows none that is clear."""
    log = replace(make_log(len(code), cluster=code), reward=reward)
    settings = OpeSettings(test_gain_share=detects / float(reward.mean()))
    case = bandit_case(log, np.full((len(code), 2), 0.5), np.zeros((len(code), 2)))
    case = replace(case, timestamp=START + (day * DAY).astype("timedelta64[m]"))
    return next_test(case, FACTS, Verdict("test_first", ("No.",), ("no_gain",)), settings)


def ratio_test_finds(arms):
    means = [reward.mean() for reward, _, _ in arms]
    errors = [clusters_of(code).error_of_mean(reward) for reward, code, _ in arms]
    free = sum(len(np.unique(code)) for _, code, _ in arms) - 2
    return abs(means[0] - means[1]) / np.hypot(*errors) > student_t.ppf(0.975, free)


def test_customers_who_come_back_are_found_in_the_time_that_is_proposed():
    """Sized from a log, run on the same market: the power claimed; in a week, far less."""
    rng, found, hasty, tests = np.random.default_rng(11), 0, 0, 300
    for _ in range(tests):
        rate, level = drawn_shoppers(rng, 900)
        reward, code, day = shoppers(rng, rate, level, 30)
        test = designed(reward, code, day, 0.25)
        size = test["size_per_arm"]
        assert (test["unit"], test["days"], test["detects"]) == ("cluster", 35, pytest.approx(0.25))
        dealt = rng.permutation(np.unique(code))[: 2 * size]
        groups = dealt[:size], dealt[size:]
        for days in (test["days"], 7):
            arms = [
                shoppers(rng, rate[who], level[who], days, effect)
                for who, effect in zip(groups, (0.25, 0.0), strict=True)
            ]
            found += days > 7 and ratio_test_finds(arms)
            hasty += days == 7 and ratio_test_finds(arms)
    assert found / tests == pytest.approx(0.8, abs=0.08)
    assert hasty / tests < 0.6


def test_where_hardly_any_new_customers_come_those_there_show_what_they_can():
    rng = np.random.default_rng(12)
    reward, code, day = shoppers(rng, *drawn_shoppers(rng, 900), 30)
    test = designed(reward, code, day, 0.03)
    there = clusters_of(code)
    size = len(there.size) // 2
    assert (test["size_per_arm"], test["days"]) == (size, 35)
    assert test["detects"] == pytest.approx(detectable(spread_of(reward, there), size, CUSTOM))
    assert "hardly any new ones come; worth finding would be 0.03" in test["text"]


def test_new_customers_are_counted_on_at_the_pace_of_the_logs_second_half():
    """900 who come again from the start, and 10 new ones a day."""
    rng = np.random.default_rng(13)
    reward, code, day = shoppers(rng, *drawn_shoppers(rng, 900), 30)
    fresh = np.repeat(np.arange(300), 3)
    code = np.concatenate([code, 900 + fresh])
    day = np.concatenate([day, fresh // 10])
    reward = np.concatenate([reward, 1.0 + rng.normal(size=900)])
    units = clusters_of(code)
    came = arrivals_of(units, day)
    assert came.returning
    assert (came.days, came.seen) == (30, len(units.size))
    assert 10.0 <= came.new <= 20.0
    test = designed(reward, code, day, 0.09)
    assert 2 * test["size_per_arm"] > came.seen
    wait = 30 + (2 * test["size_per_arm"] - came.seen) / came.new
    assert 0 <= test["days"] - wait < 7
    assert "at the pace of its second half" in test["text"]


def test_customers_seen_once_come_at_the_pace_of_the_whole_log():
    came = arrivals_of(clusters_of(np.repeat(np.arange(300), 2)), np.repeat(np.arange(30), 20))
    assert not came.returning
    assert came.days_for(50) == 5.0
    alone = arrivals_of(clusters_of(np.zeros(20, dtype=int)), np.arange(20))
    assert (alone.days_for(1), alone.days_for(2)) == (20.0, np.inf)


@pytest.mark.parametrize("evidence", ["logged", "simulated"])
def test_a_test_of_years_is_not_looked_at_again_after_a_week(evidence):
    log = make_log(evidence=evidence)
    settings = OpeSettings(replicates=100, test_gain_share=0.001)
    test = proposed(log, minutes(3000, 30), settings=settings)["next_test"]
    assert test["days"] > 366
    assert f"{test['days']:,} days" in test["text"]
    assert "look at it again" not in test["text"]


def test_the_policy_that_wrote_the_log_needs_no_test():
    made = bandit_case(make_log(), "logged", np.zeros((3000, 2)))
    result = evaluate(made, parse_requests([], made.kind), OpeSettings(replicates=100), 0)
    assert result["outlook"] == "same"
    assert result["next_test"] == {
        "design": "none",
        "text": "The policy does what was done: there is nothing to test.",
    }
    assert "does what was done" in " ".join(result["reasons"])


def test_no_more_of_a_log_than_all_of_it_is_usable():
    assert explored(np.full(10, 0.5), 0.0, 0.15).ess_share == 1.0


def test_episodes_never_followed_whole_are_better_short():
    facts = replace(FACTS, unit="episode", seen=replace(SEEN, ess=0.0, ess_share=0.0))
    design = {"share": 0.15, "size": 500, "detects": 1.0}
    text = words.exploration(design, facts, Worth(1.0, "Why."), 0.15)
    assert "hardly ever followed whole" in text
    single = words.exploration(design, replace(facts, unit="decision"), Worth(1.0, "Why."), 0.15)
    assert "followed" not in single


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.25, "0.25"),
        (-1.23456, "-1.235"),
        (1.143e4, "11,430"),
        (123_456_789.0, "123,500,000"),
        (0.00001234, "0.00001234"),
        (1e-6, "0.000001"),
        (1e-7, "1e-07"),
        (2e15, "2e+15"),
    ],
)
def test_amounts_read_without_exponents(value, words):
    assert amount(value) == words


def make_log(count=3000, cluster=None, evidence="logged", effect=0.0, actions=("a", "b"), mean=1.0):
    rng = np.random.default_rng(5)
    action = rng.integers(2, size=count)
    return BanditLog(
        action=action,
        reward=mean + rng.normal(size=count) + effect * action,
        propensity=np.full(count, 0.5),
        cluster=np.arange(count) if cluster is None else cluster,
        evidence=evidence,
        actions=actions,
    )


def proposed(log, timestamp=None, action=1, settings=None):
    policy = np.zeros((len(log.action), len(log.actions)))
    policy[:, action] = 1.0
    made = bandit_case(log, policy, np.full(policy.shape, 1.0))
    settings = settings or OpeSettings(replicates=200)
    made = replace(made, timestamp=timestamp)
    return evaluate(made, parse_requests([], made.kind), settings, 0)


def minutes(count, days):
    return START + np.sort(np.random.default_rng(6).integers(days * DAY, size=count)).astype(
        "timedelta64[m]"
    )


def days_apart(count, days):
    """Cluster per day, and its times."""
    day = np.arange(count) * days // count
    return day, START + (day * DAY).astype("timedelta64[m]")


def test_a_verdict_of_ship_proposes_no_test():
    result = proposed(make_log(effect=0.5))
    assert result["verdict"] == "ship"
    assert "next_test" not in result


def test_a_holdout_by_decision_with_the_days_it_takes():
    log = make_log()
    test = proposed(log, minutes(3000, 30))["next_test"]
    assert (test["design"], test["unit"], test["share"]) == ("holdout", "decision", 0.5)
    assert (test["power"], test["confidence"]) == (0.8, 0.95)
    assert test["detects"] == pytest.approx(0.05 * log.reward.mean())
    assert test["size_per_arm"] == units_per_arm(log.reward.std(ddof=1), test["detects"], CUSTOM)
    assert test["days"] % 7 == 0
    assert 0 <= test["days"] - 2 * test["size_per_arm"] / 100 < 8
    assert f"{test['size_per_arm']:,} decisions in each group" in test["text"]
    assert "no clear gain" in test["text"]
    assert "Otherwise keep what is done today" in test["settles"]
    assert f"find a gain of {test['detects']:.4g} per decision" in test["settles"]


def test_customers_are_dealt_as_a_whole():
    reward, code = customers(np.random.default_rng(7), 800)
    log = replace(make_log(len(code), cluster=code), reward=reward)
    test = proposed(log, minutes(len(code), 40))["next_test"]
    assert (test["design"], test["unit"]) == ("holdout", "cluster")
    assert test["size_per_arm"] == units_per_arm(
        spread_of(reward, clusters_of(code)), test["detects"], CUSTOM
    )
    assert 0 <= test["days"] - 2 * test["size_per_arm"] / (800 / 40) < 8


def test_regions_are_split_where_there_are_enough_of_them():
    region = np.arange(3000) % 100
    test = proposed(make_log(cluster=region, mean=10.0), minutes(3000, 28))["next_test"]
    assert (test["design"], test["unit"], test["days"]) == ("geo_split", "cluster", 28)
    assert 2 * test["size_per_arm"] <= 100


def test_too_few_regions_take_turns_by_day():
    region = np.arange(3000) % 60
    test = proposed(make_log(cluster=region), minutes(3000, 50))["next_test"]
    assert (test["design"], test["unit"]) == ("switchback", "day")
    assert 0 <= test["days"] - 2 * test["size_per_arm"] < 7


def test_too_few_regions_without_times_show_what_all_of_them_can():
    region = np.arange(3000) % 60
    log = make_log(cluster=region)
    test = proposed(log)["next_test"]
    assert (test["design"], test["size_per_arm"]) == ("geo_split", 30)
    spread = spread_of(log.reward, clusters_of(region))
    assert test["detects"] == pytest.approx(detectable(spread, 30, CUSTOM))
    assert "Smaller differences cannot be found" in test["text"]
    assert "days" not in test
    assert "the log has no times" in test["text"]


def test_days_take_turns():
    day, when = days_apart(3000, 60)
    test = proposed(make_log(cluster=day), when)["next_test"]
    assert (test["design"], test["unit"]) == ("switchback", "day")


def test_shops_by_day_take_turns_by_day_in_all_shops():
    """A cluster is a shop's day; a day of the test is one of all shops."""
    day, when = days_apart(3000, 60)
    log = make_log(cluster=2 * day + np.arange(3000) % 2)
    test = proposed(log, when)["next_test"]
    spread = spread_of(log.reward, clusters_of(day))
    assert (test["design"], test["unit"]) == ("switchback", "day")
    assert test["size_per_arm"] == units_per_arm(spread, test["detects"], CUSTOM)


def test_simulated_flights_repeat_a_calendar_whose_days_are_counted_apart():
    day, _ = days_apart(3000, 60)
    when = START + ((day % 20) * DAY).astype("timedelta64[m]")  # three flights of 20 days
    log = make_log(cluster=day, evidence="simulated")
    test = proposed(log, when)["next_test"]
    spread = spread_of(log.reward, clusters_of(day))
    assert (test["design"], test["unit"]) == ("switchback", "day")
    assert test["size_per_arm"] == units_per_arm(spread, test["detects"], CUSTOM)
    assert "first evidence from real customers" in test["text"]
    without = proposed(log)["next_test"]
    assert without["size_per_arm"] == test["size_per_arm"]


def test_the_estimated_gain_is_to_be_found_where_it_is_clear():
    result = proposed(make_log(effect=0.5, evidence="simulated"))
    dr = next(row for row in result["estimates"] if row["estimator"] == "dr")
    middle = (dr["diff_vs_logged"] + dr["diff_ci95"][0]) / 2.0
    assert result["next_test"]["detects"] == pytest.approx(middle)
    assert "gain estimated from the log" in result["next_test"]["text"]


def test_what_is_earned_next_to_nothing_gives_way_to_the_spread():
    log = make_log(mean=0.0)
    test = proposed(log)["next_test"]
    assert test["detects"] == pytest.approx(0.1 * log.reward.std())
    assert "next to nothing" in test["text"]


def test_a_worse_policy_is_not_recommended_for_a_test():
    result = proposed(make_log(effect=-0.5))
    assert (result["verdict"], result["outlook"]) == ("test_first", "worse")
    assert "looks worse than what was done; do not switch" in result["reasons"][0]
    text = result["next_test"]["text"]
    assert text.startswith("The policy looks worse than what was done: do not switch to it.")
    assert "for a changed policy only" in text
    assert result["next_test"]["settles"].startswith("Switch to the changed policy if")


def test_rewards_that_are_all_alike_tell_no_size():
    log = replace(make_log(), reward=np.full(3000, 2.0))
    test = proposed(log)["next_test"]
    assert "size_per_arm" not in test
    assert "cannot be told" in test["text"]


@pytest.mark.parametrize(("count", "unit"), [(1, "decision"), (3, "decision"), (5, "cluster")])
def test_few_clusters_size_a_test_with_a_warning(count, unit):
    result = proposed(make_log(cluster=np.arange(3000) % count))
    assert result["rules"] == ["very_few_units"]
    test = result["next_test"]
    assert test["unit"] == unit
    assert test["size_per_arm"] == 2 if unit == "cluster" else test["size_per_arm"] > 1000
    assert "rough guess" in test["text"]


def test_actions_never_logged_are_to_be_logged_first():
    log = make_log(actions=("a", "b", "c", "d"))
    test = proposed(log, minutes(3000, 30), action=2)["next_test"]
    assert (test["design"], test["unit"], test["share"]) == ("exploration", "decision", 0.15)
    assert "That shows c, which today's log never does" in test["text"]
    # Nothing of the policy is in the log: the share that it will decide is the usable evidence,
    # and its gain over such a log is smaller by that share.
    needed = (1.96 + 0.8416) ** 2 * log.reward.var() / (0.85 * test["detects"]) ** 2
    assert test["size"] == pytest.approx(needed / 0.15, rel=0.02)
    assert "size_per_arm" not in test
    assert 0 <= test["days"] - test["size"] / 100 < 8


def test_enough_is_logged_to_pass_the_gate():
    settings = OpeSettings(replicates=200, min_ess=5000.0)
    log = make_log(actions=("a", "b", "c"))
    test = proposed(log, action=2, settings=settings)["next_test"]
    assert test["size"] >= 5000 / 0.15 - 1
    assert "the log has no times" in test["text"]


def test_the_log_to_be_written_settles_what_it_was_proposed_for():
    """A gain of 10 % by an action never logged is found as often as the power says."""
    gain, rng = 0.1, np.random.default_rng(8)
    settings = OpeSettings(replicates=100, test_gain_share=gain)
    test = proposed(make_log(actions=("a", "b", "c")), action=2, settings=settings)["next_test"]
    size, share = test["size"], test["share"]
    found = 0
    for _ in range(60):
        action = np.where(rng.random(size) < share, 2, rng.integers(2, size=size))
        log = BanditLog(
            action=action,
            reward=1.0 + rng.normal(size=size) + gain * (action == 2),
            propensity=np.where(action == 2, share, (1.0 - share) / 2.0),
            cluster=np.arange(size),
            evidence="logged",
            actions=("a", "b", "c"),
        )
        result = proposed(log, action=2, settings=settings)
        assert result["verdict"] != "insufficient_support"
        found += result["verdict"] == "ship"
    assert 0.65 <= found / 60 <= 0.95


def test_custom_power_and_gain_change_the_size():
    base = proposed(make_log())["next_test"]["size_per_arm"]
    strong = OpeSettings(replicates=200, test_power=0.95)
    large = OpeSettings(replicates=200, test_gain_share=0.1)
    assert proposed(make_log(), settings=strong)["next_test"]["size_per_arm"] > 1.5 * base
    assert proposed(make_log(), settings=large)["next_test"]["size_per_arm"] < base / 3


def test_days_are_counted_from_the_first_and_only_where_all_are_known():
    when = np.array(["2024-01-02T23:00", "2024-01-01T01:00"], dtype="datetime64[m]")
    np.testing.assert_array_equal(days_of(when), [1, 0])
    assert days_of(None) is None
    assert days_of(np.array(["2024-01-02", "NaT"], dtype="datetime64[D]")) is None


def test_a_gain_that_the_log_cannot_show_does_not_size_the_log_to_come():
    """Reward estimates alone may promise anything of what was never tried."""
    log = make_log(actions=("a", "b", "c"))
    policy = np.eye(3)[np.full(3000, 2)]
    made = bandit_case(log, policy, np.tile([1.0, 1.0, 9.0], (3000, 1)))
    result = evaluate(made, parse_requests([], made.kind), OpeSettings(replicates=200), 0)
    dr = next(row for row in result["estimates"] if row["estimator"] == "dr")
    assert dr["diff_vs_logged"] > 7.0
    assert result["next_test"]["detects"] == pytest.approx(0.05 * log.reward.mean())
