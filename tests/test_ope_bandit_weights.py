"""Weights of action categories, and weights told by a classifier."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.bandit.action_features import category_of, read_action_features
from promopilot.experiments.ope.bandit.balanced import draw_pairs, fit_balance
from promopilot.experiments.ope.bandit.case import BANDIT
from promopilot.experiments.ope.bandit.marginal import marginal_weight
from promopilot.experiments.ope.bandit.rows import BanditRows

IDS = np.array(["d1", "d2", "d3"], dtype=object)


def shares(rng, rows, columns):
    table = rng.exponential(size=(rows, columns))
    return table / table.sum(axis=1, keepdims=True)


@given(seed=st.integers(0, 10_000), actions=st.integers(2, 6), categories=st.integers(1, 5))
def test_marginal_weights_average_to_one_over_what_is_logged(seed, actions, categories):
    rng = np.random.default_rng(seed)
    policy, behavior = shares(rng, 1, actions), shares(rng, 1, actions)
    chance = shares(rng, actions, categories)
    every = np.arange(categories)
    weight = marginal_weight(
        np.repeat(policy, categories, axis=0),
        np.repeat(behavior, categories, axis=0),
        chance,
        every,
    )
    assert (behavior @ chance)[0] @ weight == pytest.approx(1.0, abs=1e-12)


@given(seed=st.integers(0, 10_000))
def test_with_a_category_per_action_the_weight_is_the_action_s(seed):
    rng = np.random.default_rng(seed)
    policy, behavior, action = shares(rng, 20, 4), shares(rng, 20, 4), rng.integers(4, size=20)
    row = np.arange(20)
    want = policy[row, action] / behavior[row, action]
    weight = marginal_weight(
        policy, behavior, np.eye(4)[[2, 0, 3, 1]], np.array([2, 0, 3, 1])[action]
    )
    assert weight == pytest.approx(want, rel=1e-12)


@given(seed=st.integers(0, 10_000))
def test_weights_of_wider_categories_vary_less(seed):
    rng = np.random.default_rng(seed)
    policy, behavior = np.tile(shares(rng, 1, 4), (4, 1)), np.tile(shares(rng, 1, 4), (4, 1))
    group, action = np.array([0, 0, 1, 1]), np.arange(4)
    narrow = policy[0] / behavior[0]
    wide = marginal_weight(policy, behavior, np.eye(2)[group], group[action])
    assert behavior[0] @ wide**2 <= behavior[0] @ narrow**2 + 1e-12


def test_a_block_s_weights_do_not_depend_on_the_others():
    rng = np.random.default_rng(0)
    policy, behavior, chance = shares(rng, 50, 3), shares(rng, 50, 3), shares(rng, 3, 4)
    category = rng.integers(4, size=50)
    whole = marginal_weight(policy, behavior, chance, category)
    part = marginal_weight(policy[:7], behavior[:7], chance, category[:7])
    assert (whole[:7] == part).all()


def test_actions_that_agree_in_all_features_share_a_category(tmp_path):
    path = tmp_path / "features.csv"
    path.write_text("action,a_kind,a_size\nx,pizza,1\ny,milk,1\nz,pizza,1\nw,pizza,2\nother,a,9\n")
    found = read_action_features(path, ("w", "x", "y", "z"))
    assert not found.told
    assert found.names == ("milk, 1", "pizza, 1", "pizza, 2")
    assert found.probability.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 0]]
    assert category_of(found, np.array([0, 3, 2]), None, IDS).tolist() == [2, 1, 0]


def test_categories_drawn_by_an_action_are_told_by_the_log(tmp_path):
    path = tmp_path / "features.parquet"
    frame = {"action": ["a", "a", "b"], "category": [7, 8, 8], "probability": [0.25, 0.75, 1.0]}
    pd.DataFrame(frame).to_parquet(path)
    found = read_action_features(path, ("a", "b"))
    assert found.told
    assert found.names == ("7", "8")
    assert found.probability.tolist() == [[0.25, 0.75], [0.0, 1.0]]
    told = np.array(["8", "7", "8"], dtype=object)
    assert category_of(found, np.array([0, 0, 1]), told, IDS).tolist() == [1, 0, 1]


DRAWN = "action,category,probability\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("action,a_kind\na,1\n", "has no row for action 'b'[.]"),
        ("action,A_kind,a_size\na,1,1\nb,1,1\n", "column 'A_kind' must be written 'a_kind'"),
        ("action,Category,probability\na,1,1\nb,1,1\n", "'Category' must be written 'category'"),
        ("action,a_kind\na,1\nB1,1\nb2,2\n", "no row for action 'b'; did you mean 'b2' there"),
        ("action,a_kind\na,1\nb,2\na,3\n", "row 4: action 'a' stands there twice"),
        ("action,a_kind\na,1\n,2\n", "row 3: action is empty"),
        ("kind,a_kind\na,1\n", "has no column 'action'; it has kind, a_kind"),
        ("action,kind\na,1\n", "must have either columns a_[*], or category and probability; it"),
        ("action,a_kind,category,probability\na,1,x,1\n", "must have either columns a_"),
        (DRAWN + "a,x,0.5\na,y,0.4\nb,x,1\n", "action 'a': probabilities sum to 0.9; they must"),
        (
            DRAWN + "a,x,1.5\nb,x,1\n",
            "row 2 .action 'a', category 'x'.: probability is 1.5; it must",
        ),
        (DRAWN + "a,x,\nb,x,1\n", ", row 2: probability is empty; every row"),
        (DRAWN + "a,x,one\nb,x,1\n", "row 2: probability is 'one'; it must be a number"),
        (DRAWN + "a,x,1\nb,x,1\nb,x,0\n", "row 4: action 'b', category 'x' stands there twice"),
        (DRAWN + "a,,1\nb,x,1\n", "row 2: category is empty"),
        (DRAWN + "a,x,1\n", "has no row for action 'b'"),
    ],
)
def test_a_fault_in_the_features_is_one_error_with_its_place(tmp_path, text, message):
    path = tmp_path / "features.csv"
    path.write_text(text)
    with pytest.raises(LogError, match=r"^features\.csv.*" + message):
        read_action_features(path, ("a", "b"))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (None, "the log then needs a column 'category'"),
        (["x", "q", "y"], "decision 'd2': category is 'q'; it must be one of features.csv"),
        (["x", None, "y"], "decision 'd2': category is empty; it must"),
        (["x", "y", "y"], "decision 'd2': category is 'y', which its action never shows"),
    ],
)
def test_a_fault_in_the_log_s_categories_names_the_decision(tmp_path, told, message):
    path = tmp_path / "features.csv"
    path.write_text(DRAWN + "a,x,1\na,y,0\nb,y,1\n")
    found = read_action_features(path, ("a", "b"))
    column = None if told is None else np.array(told, dtype=object)
    with pytest.raises(LogError, match=message):
        category_of(found, np.array([0, 0, 1]), column, IDS)


@pytest.mark.parametrize("name", ["mipw", "snmipw", "balanced_ipw"])
def test_an_estimator_without_its_weights_says_so(name):
    rows = BanditRows(np.ones(3), np.ones(3), np.zeros(3), np.zeros(3))
    with pytest.raises(LogError, match=r"action-features FILE|no weights were fitted"):
        BANDIT.families[name].make().estimate(rows)


@pytest.fixture(scope="module")
def made_up():
    """A log of 6,000 decisions whose policies differ by context, with the policy's true value."""
    rng = np.random.default_rng(5)
    features = rng.normal(size=(6000, 2))
    logits = features @ rng.normal(size=(2, 4))
    behavior = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    logits = features @ rng.normal(size=(2, 4))
    policy = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = 1.0 + logits  # the policy prefers what is worth more
    action = (behavior.cumsum(axis=1) < rng.random((6000, 1))).sum(axis=1)
    reward = expected[np.arange(6000), action] + rng.normal(size=6000)
    truth = float((policy * expected).sum(axis=1).mean())
    return features, behavior, policy, action, reward, truth


def balanced(features, policy, action, seed=0, fold=None):
    rng = np.random.default_rng(seed)
    count, actions = policy.shape
    fold = rng.integers(5, size=count) if fold is None else fold
    drawn = draw_pairs(features, fold, action, policy, rng.random(count))
    fitted = fit_balance(drawn, actions)
    return fitted.weight(features, fold, action, policy[np.arange(count), action])


def test_the_classifier_recovers_a_truth_without_propensities(made_up):
    features, behavior, policy, action, reward, truth = made_up
    weight = balanced(features, policy, action)
    estimate = (weight * reward).sum() / weight.sum()
    spread = np.sqrt(np.sum((weight * (reward - estimate)) ** 2)) / weight.sum()
    assert abs(reward.mean() - truth) > 4 * spread  # there is something to correct
    assert abs(estimate - truth) < 2 * spread
    assert weight.mean() == pytest.approx(1.0, abs=0.05)
    row = np.arange(len(action))
    true = policy[row, action] / behavior[row, action]
    assert np.corrcoef(weight, true)[0, 1] > 0.9


def test_what_the_policy_never_does_weighs_nothing(made_up):
    features, _, _, action, _, _ = made_up
    policy = np.zeros((len(action), 4))
    policy[np.arange(len(action)), (features[:, 0] > 0).astype(int)] = 1.0
    weight = balanced(features, policy, action)
    never = policy[np.arange(len(action)), action] == 0.0
    assert (weight[never] == 0.0).all()
    assert (weight[~never] > 0.0).all()


def test_without_features_always_one_action_weighs_its_rows_alike(made_up):
    _, _, _, action, _, _ = made_up
    policy = np.zeros((len(action), 4))
    policy[:, 2] = 1.0
    nothing = np.empty((len(action), 0))
    weight = balanced(nothing, policy, action, fold=np.arange(len(action)) % 2)
    own = weight[action == 2]
    # One weight per fold, as shares of actions differ by chance from fold to fold.
    assert len(np.unique(own.round(9))) == 2
    assert own == pytest.approx(len(action) / len(own), rel=0.05)


def test_one_fold_leaves_nothing_to_fit_on(made_up):
    features, _, policy, action, _, _ = made_up
    weight = balanced(features, policy, action, fold=np.zeros(len(action), dtype=int))
    assert (weight == 1.0).all()


@given(seed=st.integers(0, 1000))
def test_actions_are_drawn_as_often_as_the_policy_takes_them(seed):
    rng = np.random.default_rng(seed)
    policy = np.tile(shares(rng, 1, 3), (999, 1))
    policy[:, 1] = 0.0
    evenly = (np.arange(999) + 0.5) / 999
    pairs = draw_pairs(np.empty((999, 0)), np.zeros(999, int), np.zeros(999, int), policy, evenly)
    found = np.bincount(pairs.drawn, minlength=3) / 999
    assert found == pytest.approx(policy[0] / policy[0].sum(), abs=2e-3)
    assert found[1] == 0.0
