import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit.case import BANDIT, bandit_case
from promopilot.experiments.ope.bandit.log import BanditLog
from promopilot.experiments.ope.bandit.marginal import marginal_weight
from promopilot.experiments.ope.bandit.rows import BanditRows, rows_for, rows_for_logged
from promopilot.experiments.ope.request import made, parse_requests
from promopilot.experiments.ope.trust.diagnostics import diagnose, effective_sample_size

BANDIT_A = Path(__file__).parent / "data" / "ope" / "bandit_A"
# Every estimator of the contract, as a user asks for it.
SPECS = (
    *("dm", "ipw", "ipw_clip:lambda=1.5", "snipw", "dr", "sndr", "switch_dr:lambda=1.5"),
    *("dros:lambda=2", "sg_ipw:lambda=0.2", "sg_dr:lambda=0.2", "balanced_ipw", "mipw", "snmipw"),
)
SELF_NORMALISED = ("snipw", "balanced_ipw", "snmipw")


def estimator(spec):
    (request,) = parse_requests([spec], BANDIT)
    return made(request, BANDIT.families[request.name])


def log_of(action, reward, propensity, actions="abc"):
    action = np.asarray(action)
    return BanditLog(
        action=action,
        reward=np.asarray(reward, dtype=float),
        propensity=np.asarray(propensity, dtype=float),
        cluster=np.arange(len(action)),
        evidence="logged",
        actions=tuple(actions),
    )


def random_rows(seed, count=60):
    rng = np.random.default_rng(seed)
    return BanditRows(
        reward=rng.normal(size=count),
        weight=rng.exponential(size=count),
        q_logged=rng.normal(size=count),
        q_policy=rng.normal(size=count),
        marginal=rng.exponential(size=count),
        balanced=rng.exponential(size=count),
    )


def changed(rows, change):
    """The rows with every column [n] changed."""
    return BanditRows(**{field.name: change(getattr(rows, field.name)) for field in fields(rows)})


def pivoted(file, column):
    frame = pd.read_csv(BANDIT_A / file)
    index = next(name for name in ("decision_id", "action") if name in frame)
    across = "action" if index == "decision_id" else "category"
    return frame.pivot(index=index, columns=across, values=column).to_numpy()


@pytest.fixture(scope="module")
def bandit_a():
    log = pd.read_csv(BANDIT_A / "log.csv")
    expected = json.loads((BANDIT_A / "expected.json").read_text())
    arrays = log_of(log.action.to_numpy(), log.reward, log.propensity, "012345")
    return arrays, pivoted("policy.csv", "probability"), pivoted("qhat.csv", "q"), expected


REFERENCES = {
    **{name: name for name in ("dm", "ipw", "snipw", "dr", "sndr")},
    **{f"ipw_clip_{cap}": f"ipw_clip:lambda={cap}" for cap in (3, 10)},
    **{f"switch_dr_{cap}": f"switch_dr:lambda={cap}" for cap in (2, 10)},
    **{f"dros_{value}": f"dros:lambda={value}" for value in (1, 5, 100)},
    **{f"sg_{of}_{by}": f"sg_{of}:lambda={by}" for of in ("ipw", "dr") for by in ("0.01", "0.1")},
}


@pytest.mark.parametrize(("fixture", "spec"), REFERENCES.items())
def test_values_are_those_of_the_reference(bandit_a, fixture, spec):
    log, policy, qhat, expected = bandit_a
    value = estimator(spec).estimate(rows_for(log, policy, qhat))
    assert value == pytest.approx(expected["estimators"][fixture]["value"], rel=0, abs=1e-9)


@pytest.mark.parametrize("fixture", ["e0", "e0e1_joint", "stochastic"])
@pytest.mark.parametrize("name", ["mipw", "snmipw"])
def test_values_by_category_are_those_of_the_reference(bandit_a, name, fixture):
    log, policy, qhat, expected = bandit_a
    embedding = pd.read_csv(BANDIT_A / "action_embedding.csv")
    shared = {
        "e0": embedding.embed_0.to_numpy(),
        "e0e1_joint": (3 * embedding.embed_0 + embedding.embed_1).to_numpy(),
    }
    if fixture == "stochastic":
        chance = pivoted("embedding_prob.csv", "probability")
        category = pd.read_csv(BANDIT_A / "embedding_log.csv").category.to_numpy()
    else:
        chance = np.eye(9)[shared[fixture]]
        category = shared[fixture][log.action]
    weight = marginal_weight(policy, pivoted("behavior.csv", "probability"), chance, category)
    rows = replace(rows_for(log, policy, qhat), marginal=weight)
    want = expected["estimators"][f"{name}_{fixture}"]
    assert estimator(name).estimate(rows) == pytest.approx(want["value"], rel=0, abs=1e-9)
    assert estimator(name).used_weight(rows).max() == pytest.approx(want["max_weight"], abs=1e-9)


def test_diagnostics_are_those_of_the_reference(bandit_a):
    log, policy, qhat, expected = bandit_a
    seen = diagnose(bandit_case(log, policy, qhat))
    want = expected["diagnostics"]
    assert seen.ess == pytest.approx(want["ess"], rel=0, abs=1e-9)
    assert seen.max_weight == pytest.approx(want["max_weight"], rel=0, abs=1e-9)
    assert seen.mean_weight == pytest.approx(want["mean_weight"], rel=0, abs=1e-9)
    assert seen.units == want["n"]


@pytest.mark.parametrize(
    ("spec", "used", "share"),
    [
        ("ipw", [0.0, 0.5, 1.0, 2.0, 8.0], 0.0),
        ("ipw_clip:lambda=2", [0.0, 0.5, 1.0, 2.0, 2.0], 0.2),
        ("switch_dr:lambda=2", [0.0, 0.5, 1.0, 2.0, 0.0], 0.2),
        ("switch_dr:lambda=0", [0.0, 0.0, 0.0, 0.0, 0.0], 0.8),
        ("dros:lambda=4", [0.0, 2 / 4.25, 4 / 5, 8 / 8, 32 / 68], 0.8),
        ("dros:lambda=0", [0.0, 0.0, 0.0, 0.0, 0.0], 0.8),
        ("sg_ipw:lambda=0.5", [0.0, 2 / 3, 1.0, 4 / 3, 16 / 9], 0.4),
        ("sg_dr:lambda=0.5", [0.0, 2 / 3, 1.0, 4 / 3, 16 / 9], 0.4),
        ("sg_ipw:lambda=0", [0.0, 0.5, 1.0, 2.0, 8.0], 0.0),
        ("sg_dr:lambda=1", [0.0, 1.0, 1.0, 1.0, 1.0], 0.4),
    ],
)
def test_weights_as_they_are_used_and_the_share_that_is_lowered(spec, used, share):
    weight = np.array([0.0, 0.5, 1.0, 2.0, 8.0])
    rows = BanditRows(np.ones(5), weight, np.zeros(5), np.zeros(5))
    assert estimator(spec).used_weight(rows) == pytest.approx(used, abs=1e-12)
    assert estimator(spec).clip_share(rows) == pytest.approx(share)
    # Without a reward model, what is estimated from rewards of 1 is the mean weight.
    assert estimator(spec).estimate(rows) == pytest.approx(np.mean(used), abs=1e-12)


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ("ipw_clip:lambda=0", "above 0"),
        ("ipw_clip:lambda=-1", "above 0"),
        ("ipw_clip:lambda=inf", "finite"),
        ("ipw_clip:lambda=nan", "lambda is nan"),
        ("switch_dr:lambda=-0.1", "at least 0"),
        ("dros:lambda=inf", "at least 0"),
        ("sg_ipw:lambda=1.1", "from 0 to 1"),
        ("sg_dr:lambda=-0.1", "from 0 to 1"),
        ("sg_dr:lambda=nan", "from 0 to 1"),
        ("sg_dr:lambda=x", "must be a number"),
        ("dros:lambda=1,lambda=2", "lambda is given twice"),
        ("dros:cap=1", "has no setting 'cap=1'; it takes lambda"),
        ("mipw:lambda=1", "it takes none"),
        ("switch_drr", "did you mean switch_dr"),
    ],
)
def test_a_setting_out_of_range_is_one_error_with_the_rule(spec, rule):
    with pytest.raises(LogError, match=rule):
        parse_requests([spec], BANDIT)


def test_the_names_are_those_of_the_contract_and_settings_go_by_theirs():
    assert set(BANDIT.families) == {spec.partition(":")[0] for spec in SPECS}
    assert estimator("dros:lambda=2").params == {"lambda": 2.0}


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("switch_dr:lambda=0", "dm"),
        ("dros:lambda=0", "dm"),
        ("switch_dr:lambda=1e9", "dr"),
        ("dros:lambda=1e18", "dr"),
        ("ipw_clip:lambda=1e9", "ipw"),
        ("sg_ipw:lambda=0", "ipw"),
        ("sg_dr:lambda=0", "dr"),
    ],
)
def test_shrinking_starts_and_ends_at_known_estimators(name, ends):
    rows = random_rows(1)
    want = estimator(ends).estimate(rows)
    assert estimator(name).estimate(rows) == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("name", ["snipw", "sndr"])
@pytest.mark.parametrize("arm", [0, 1, 2])
def test_always_one_action_on_a_uniform_log_is_its_mean(name, arm):
    rng = np.random.default_rng(3)
    action = rng.integers(3, size=200)
    log = log_of(action, rng.normal(size=200), np.full(200, 1 / 3))
    policy = np.zeros((200, 3))
    policy[:, arm] = 1.0
    # sndr keeps the identity for a reward estimate that does not vary with the context.
    qhat = np.tile([0.5, -1.0, 2.0], (200, 1))
    value = estimator(name).estimate(rows_for(log, policy, qhat))
    assert value == pytest.approx(log.reward[action == arm].mean(), abs=1e-12)


# Left out: dm, whose value is the model's; ipw_clip below weight 1 and dros, which shrink 1 itself.
@pytest.mark.parametrize(
    "spec",
    [*(s for s in SPECS if s.partition(":")[0] not in ("dm", "dros")), "dros:lambda=1e18"],
)
def test_the_logged_policy_is_worth_its_mean(spec):
    rng = np.random.default_rng(4)
    log = log_of(rng.integers(3, size=90), rng.normal(size=90), rng.uniform(0.1, 1.0, size=90))
    rows = rows_for_logged(log, rng.normal(size=(90, 3)))
    assert estimator(spec).estimate(rows) == pytest.approx(log.reward.mean(), abs=1e-12)


@pytest.mark.parametrize(
    "spec", ["dr", "sndr", "switch_dr:lambda=1", "dros:lambda=1", "sg_dr:lambda=0.2"]
)
def test_a_perfect_reward_model_leaves_nothing_to_correct(spec):
    rows = random_rows(5)
    exact = replace(rows, reward=rows.q_logged)
    assert estimator(spec).estimate(exact) == pytest.approx(rows.q_policy.mean(), abs=1e-12)


@pytest.mark.parametrize("spec", SPECS)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100.0))
def test_scaling_rewards_scales_every_estimate(spec, seed, scale):
    rows = random_rows(seed)
    scaled = replace(
        rows,
        reward=rows.reward * scale,
        q_logged=rows.q_logged * scale,
        q_policy=rows.q_policy * scale,
    )
    want = scale * estimator(spec).estimate(rows)
    assert estimator(spec).estimate(scaled) == pytest.approx(want, rel=1e-10, abs=1e-12 * scale)


@pytest.mark.parametrize("spec", SPECS)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(spec, seed):
    rows = random_rows(seed)
    order = np.random.default_rng(seed).permutation(len(rows.reward))
    shuffled = changed(rows, lambda column: column[order])
    one = estimator(spec)
    assert one.estimate(shuffled) == pytest.approx(one.estimate(rows), rel=0, abs=1e-12)


@pytest.mark.parametrize("name", SELF_NORMALISED)
@given(seed=st.integers(0, 10_000), shift=st.floats(-50.0, 50.0))
def test_a_constant_on_all_rewards_moves_self_normalised_estimates_by_it(name, seed, shift):
    rows = random_rows(seed)
    moved, one = replace(rows, reward=rows.reward + shift), estimator(name)
    assert one.estimate(moved) == pytest.approx(one.estimate(rows) + shift, abs=1e-10)


@pytest.mark.parametrize("spec", [*SELF_NORMALISED, "ipw_clip:lambda=1"])
@given(seed=st.integers(0, 10_000))
def test_weighted_averages_stay_within_the_rewards_seen(spec, seed):
    rows = replace(random_rows(seed), reward=np.random.default_rng(seed).uniform(size=60))
    value = estimator(spec).estimate(rows)
    assert 0.0 <= value <= rows.reward.max()
    if spec in SELF_NORMALISED:
        assert value >= rows.reward.min()


@given(seed=st.integers(0, 10_000), low=st.floats(0.01, 5.0), more=st.floats(0.0, 5.0))
def test_a_higher_cap_never_lowers_an_estimate_of_positive_rewards(seed, low, more):
    rows = replace(random_rows(seed), reward=np.random.default_rng(seed).uniform(size=60))
    lower = estimator(f"ipw_clip:lambda={low}").estimate(rows)
    upper = estimator(f"ipw_clip:lambda={low + more}").estimate(rows)
    assert lower <= upper + 1e-12
    assert upper <= estimator("ipw").estimate(rows) + 1e-12


def test_no_overlap_leaves_the_self_normalised_undefined_and_the_others_defined():
    rows = random_rows(6)
    nothing = np.zeros_like(rows.weight)
    none = replace(rows, weight=nothing, marginal=nothing, balanced=nothing)
    values = {spec.partition(":")[0]: estimator(spec).estimate(none) for spec in SPECS}
    undefined = {name for name, value in values.items() if np.isnan(value)}
    assert undefined == {"snipw", "sndr", "balanced_ipw", "snmipw"}
    for name in ("ipw", "ipw_clip", "sg_ipw", "mipw"):
        assert values[name] == 0.0
    for name in ("dm", "dr", "switch_dr", "dros", "sg_dr"):
        assert values[name] == pytest.approx(rows.q_policy.mean())


@pytest.mark.parametrize(
    ("weight", "want"),
    [([1.0, 1.0, 1.0, 1.0], 4.0), ([5.0, 0.0, 0.0], 1.0), ([0.0, 0.0], 0.0), ([1e200] * 3, 3.0)],
)
def test_usable_evidence(weight, want):
    assert effective_sample_size(np.array(weight)) == pytest.approx(want)


def test_choices_that_the_log_never_shows_are_counted():
    log = log_of([0, 1, 0, 1], [0, 1, 0, 1], [0.5] * 4)
    policy = np.tile([0.5, 0.2, 0.3], (4, 1))
    seen = diagnose(bandit_case(log, policy, np.zeros((4, 3))))
    assert seen.unsupported_share == pytest.approx(0.3)
    assert seen.unsupported_actions == ("c",)
