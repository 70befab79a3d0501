import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.nuisance.folds import fold_of
from promopilot.experiments.ope.request import parse_requests
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.slate.case import SLATE, slate_case
from promopilot.experiments.ope.slate.log import SlateLog
from promopilot.experiments.ope.slate.probabilities import SlateProbabilities
from promopilot.experiments.ope.slate.reward_model import cross_fitted
from promopilot.experiments.ope.slate.rows import ItemValues
from promopilot.experiments.ope.slate.uniform import uniform_choices, uniform_probabilities

SLATE_A = Path(__file__).parent / "data" / "ope" / "slate_A"
EXPECTED = json.loads((SLATE_A / "expected.json").read_text())
NAMES = list(SLATE.families)
BY_NAME = {name: family.make() for name, family in SLATE.families.items()}
SELF_NORMALIZED = ["snsips", "sniips", "snrips"]


class World:
    """Two positions, four items without repetition, three situations; people read from the top."""

    ACTIONS, LENGTH = "abcd", 2

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.logging = rng.normal(scale=0.4, size=(3, 4))
        self.judged = rng.normal(scale=0.7, size=(3, 4))
        self.appeal = rng.uniform(0.1, 0.5, size=(3, 2, 4))

    def chances(self, scores, before):
        """Probability of each item next [4], after the items before."""
        weight = np.exp(scores)
        weight[list(before)] = 0.0
        return weight / weight.sum()

    def reward(self, x, slate, k):
        """Chance of a reward of 1 at position k; a good first item spoils the second."""
        spoilt = 0.5 * self.appeal[x, 0, slate[0]] if k else 0.0
        return self.appeal[x, k, slate[k]] * (1.0 - spoilt)

    def probabilities(self, scores, x, slate):
        """Joint, by position, by cascade of one slate under item scores."""
        steps = [self.chances(scores[x], slate[:k])[slate[k]] for k in range(2)]
        first = self.chances(scores[x], ())
        second = sum(
            first[a] * self.chances(scores[x], (a,))[slate[1]] for a in range(4) if a != slate[1]
        )
        joint = steps[0] * steps[1]
        return [joint, joint], [steps[0], second], [steps[0], joint]

    def truth(self):
        value = 0.0
        for x, slate in itertools.product(range(3), itertools.permutations(range(4), 2)):
            joint = self.probabilities(self.judged, x, slate)[0][0]
            value += joint * sum(self.reward(x, slate, k) for k in range(2)) / 3
        return value

    def draw(self, count, seed):
        rng = np.random.default_rng(seed)
        slates, logged, judged, items, rewards = [], [], [], [], []
        context = rng.integers(3, size=count)
        for x in context:
            slate = []
            for _ in range(2):
                slate.append(int(rng.choice(4, p=self.chances(self.logging[x], slate))))
                items.append(self.chances(self.judged[x], slate[:-1]))
            slates += slate
            logged.append(self.probabilities(self.logging, x, slate))
            judged.append(self.probabilities(self.judged, x, slate))
            rewards += [float(rng.random() < self.reward(x, slate, k)) for k in range(2)]

        def columns(given):
            return SlateProbabilities(
                *(np.concatenate([one[j] for one in given]) for j in range(3))
            )

        log = SlateLog(
            slate=np.repeat(np.arange(count), 2),
            position=np.tile([0, 1], count),
            action=np.array(slates),
            reward=np.array(rewards),
            propensity=columns(logged),
            cluster=np.arange(count),
            evidence="logged",
            actions=tuple(self.ACTIONS),
        )
        return log, columns(judged), np.array(items), np.repeat(context, 2)[:, None].astype(float)


@pytest.fixture(scope="module")
def world():
    return World(4)


@pytest.fixture(scope="module")
def drawn(world):
    log, policy, items, context = world.draw(60, 1)
    q = np.random.default_rng(0).normal(size=items.shape)
    return log, policy, ItemValues(items, q), context


@pytest.fixture(scope="module")
def slate_a():
    log = pd.read_csv(SLATE_A / "log.csv")
    policy = pd.read_csv(SLATE_A / "policy.csv")
    cascade = pd.read_csv(SLATE_A / "cascade.csv")

    def columns(frame, name):
        names = (name, f"{name}_position", f"{name}_cascade")
        return SlateProbabilities(*(frame[one].to_numpy() for one in names))

    def table(name):
        return cascade.pivot(
            index=["decision_id", "position"], columns="action", values=name
        ).to_numpy()

    arrays = SlateLog(
        slate=log.decision_id.to_numpy(),
        position=log.position.to_numpy(),
        action=log.action.to_numpy(),
        reward=log.reward.to_numpy(dtype=float),
        propensity=columns(log, "propensity"),
        cluster=np.arange(300),
        evidence="logged",
        actions=tuple("01234"),
    )
    return arrays, columns(policy, "probability"), ItemValues(table("probability"), table("q"))


def values(case):
    return {name: BY_NAME[name].estimate(case.rows) for name in case.kind.default}


def in_order(log, policy, items, order):
    """The same slates, their rows in another order."""
    moved = replace(
        log,
        slate=log.slate[order],
        position=log.position[order],
        action=log.action[order],
        reward=log.reward[order],
        propensity=log.propensity.of_rows(order),
    )
    return moved, policy.of_rows(order), ItemValues(items.probability[order], items.q[order])


def test_values_are_those_of_the_reference_whatever_the_order_of_the_rows(slate_a):
    expected = {name: one["value"] for name, one in EXPECTED["estimators"].items()}
    assert values(slate_case(*slate_a)) == pytest.approx(expected, rel=0, abs=1e-9)
    order = np.random.default_rng(0).permutation(900)
    assert values(slate_case(*in_order(*slate_a, order))) == pytest.approx(
        expected, rel=0, abs=1e-9
    )


def test_the_evidence_is_that_of_the_reference(slate_a):
    case, want = slate_case(*slate_a), EXPECTED["diagnostics"]
    weight = case.rows.weight
    assert weight.sum() ** 2 / np.square(weight).sum() == pytest.approx(want["ess"], abs=1e-9)
    assert weight.max() == pytest.approx(want["max_weight"], abs=1e-9)
    assert case.extra["ess_by_position"] == pytest.approx(want["ess_cascade"], abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-50.0, 50.0))
def test_order_changes_nothing_and_scaled_rewards_scale(drawn, seed, factor):
    log, policy, items, _ = drawn
    want = values(slate_case(log, policy, items))
    order = np.random.default_rng(seed).permutation(len(log.slate))
    moved = values(slate_case(*in_order(log, policy, items, order)))
    assert moved == pytest.approx(want, rel=0, abs=1e-12)
    scaled = slate_case(
        replace(log, reward=factor * log.reward), policy, replace(items, q=factor * items.q)
    )
    assert values(scaled) == pytest.approx({name: factor * one for name, one in want.items()})


def test_the_logged_policy_has_the_logged_mean(drawn):
    log, _, items, _ = drawn
    mean = log.reward.sum() / 60
    for case in (slate_case(log, "logged", items), slate_case(log, log.propensity)):
        assert values(case) == pytest.approx(dict.fromkeys(case.kind.default, mean), abs=1e-12)


def test_without_a_model_cascade_dr_is_rips(drawn):
    log, policy, items, _ = drawn
    found = values(slate_case(log, policy, replace(items, q=np.zeros_like(items.q))))
    assert found["cascade_dr"] == pytest.approx(found["rips"], abs=1e-12)


def test_slates_of_one_item_are_bandit_decisions():
    rng = np.random.default_rng(1)
    action, reward = rng.integers(3, size=40), rng.normal(size=40)
    logged, policy = np.full(40, 1 / 3), rng.dirichlet(np.ones(3), size=40)
    chosen = policy[np.arange(40), action]
    log = SlateLog(
        np.arange(40), np.zeros(40, dtype=int), action, reward,
        SlateProbabilities(logged, logged, logged), np.arange(40), "logged", ("a", "b", "c"),
    )  # fmt: skip
    q = rng.normal(size=(40, 3))
    found = values(
        slate_case(log, SlateProbabilities(chosen, chosen, chosen), ItemValues(policy, q))
    )
    weight = chosen / logged
    ipw = (weight * reward).mean()
    dr = ((policy * q).sum(axis=1) + weight * (reward - q[np.arange(40), action])).mean()
    want = dict.fromkeys(["sips", "iips", "rips"], ipw) | {"cascade_dr": dr}
    want |= dict.fromkeys(SELF_NORMALIZED, (weight * reward).sum() / weight.sum())
    assert found == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("shown", [(0, 1), (3, 2)])
def test_always_one_slate_on_a_uniform_log_is_the_mean_of_that_slate(world, shown):
    rng = np.random.default_rng(2)
    slates = np.array([rng.permutation(4)[:2] for _ in range(400)])
    log = replace(
        world.draw(400, 0)[0],
        action=slates.ravel(),
        reward=rng.normal(size=800),
        propensity=SlateProbabilities(joint=np.full(800, 1 / 12)),
    )
    fits = (slates == shown).all(axis=1)
    case = slate_case(log, SlateProbabilities(joint=np.repeat(fits, 2).astype(float)))
    assert case.kind.default == ("sips", "snsips")
    want = log.reward.reshape(400, 2).sum(axis=1)[fits].mean()
    assert BY_NAME["snsips"].estimate(case.rows) == pytest.approx(want, abs=1e-12)


def test_shorter_slates_bring_nothing_where_they_end(drawn):
    """Cutting the second position of every third slate off is a reward of 0 at weight 1 there."""
    log, policy, items, _ = drawn
    cut = (log.slate % 3 == 0) & (log.position == 1)
    kept = np.flatnonzero(~cut)

    def shortened(given):
        first = given.cascade[log.slate * 2]
        joint = np.where(log.slate % 3 == 0, first, given.joint)
        return replace(given, joint=joint).of_rows(kept)

    short = replace(
        log, slate=log.slate[kept], position=log.position[kept], action=log.action[kept],
        reward=log.reward[kept], propensity=shortened(log.propensity),
    )  # fmt: skip
    case = slate_case(short, shortened(policy), ItemValues(items.probability[kept], items.q[kept]))
    found = values(case)
    weight = shortened(policy).joint / short.propensity.joint
    sips = np.bincount(short.slate, weight * short.reward).mean()
    ratio = shortened(policy).cascade / short.propensity.cascade
    assert found["sips"] == pytest.approx(sips, abs=1e-12)
    assert found["rips"] == pytest.approx(np.bincount(short.slate, ratio * short.reward).mean())
    by_position = [
        ((ratio * short.reward)[short.position == k].sum(), ratio[short.position == k].sum())
        for k in (0, 1)
    ]
    (above, below), (later, under) = by_position
    assert found["snrips"] == pytest.approx(above / below + later / (under + 20), abs=1e-12)
    assert values(slate_case(short, "logged")) == pytest.approx(
        dict.fromkeys(NAMES[:-1], short.reward.sum() / 60), abs=1e-12
    )


def test_uniform_counts_the_ordered_lists(drawn):
    log, _, _, _ = drawn
    found = uniform_probabilities(log)
    assert found.joint == pytest.approx(np.full(120, 1 / 12))
    assert found.position == pytest.approx(np.full(120, 1 / 4))
    assert found.cascade == pytest.approx(np.tile([1 / 4, 1 / 12], 60))
    choices = uniform_choices(log)
    assert choices[0::2] == pytest.approx(np.full((60, 4), 1 / 4))
    assert (choices[np.arange(1, 120, 2), log.action[0::2]] == 0.0).all()
    assert choices.sum(axis=1) == pytest.approx(np.ones(120))
    repeating = replace(log, action=np.where(log.slate == 3, 1, log.action))
    found = uniform_probabilities(repeating)
    assert found.joint == pytest.approx(np.full(120, 1 / 16))
    assert uniform_choices(repeating) == pytest.approx(np.full((120, 4), 1 / 4))


def test_the_truth_lies_in_the_intervals(world):
    log, policy, items, context = world.draw(4000, 5)
    fold = fold_of(np.array([f"s{i}" for i in range(4000)], dtype=object), 5)
    q = cross_fitted(log, items, context, fold, OpeSettings(), 0)
    case = slate_case(log, policy, ItemValues(items, q), reward_model="cross-fitted")
    # 99.9 %: items at a position depend on those before, which iips is not made for.
    result = evaluate(
        case, parse_requests((), case.kind), OpeSettings(confidence=0.999, replicates=200), 0
    )
    truth, width = world.truth(), {}
    for row in result["estimates"]:
        low, high = row["ci95"]
        width[row["estimator"]] = high - low
        if row["estimator"] not in ("iips", "sniips"):
            assert low <= truth <= high, row
    assert max(width["cascade_dr"], width["rips"]) < width["sips"]
    assert result["diagnostics"]["reward_model"] == "cross-fitted"


def test_the_reward_model_counts_what_is_still_to_come(world):
    log, _, items, context = world.draw(3000, 6)
    fold = np.arange(3000) % 4
    q = cross_fitted(log, items, context, fold, OpeSettings(), 0)
    assert q.shape == (6000, 4)
    for x in range(3):
        rows = np.flatnonzero((context[:, 0] == x) & (log.position == 0))
        want = [
            world.reward(x, (a,), 0)
            + sum(
                world.chances(world.judged[x], (a,))[b] * world.reward(x, (a, b), 1)
                for b in range(4)
            )
            for a in range(4)
        ]
        assert q[rows].mean(axis=0) == pytest.approx(want, abs=0.12)


def test_a_slates_own_rewards_do_not_reach_its_estimates(world):
    log, _, items, context = world.draw(400, 7)
    fold = np.arange(400) % 4
    before = cross_fitted(log, items, context, fold, OpeSettings(), 0)
    inside = (fold == 2)[log.slate]
    moved = replace(log, reward=log.reward + 10.0 * inside)
    after = cross_fitted(moved, items, context, fold, OpeSettings(), 0)
    assert (after[inside] == before[inside]).all()
    assert (after[~inside] != before[~inside]).any()
    assert (cross_fitted(log, items, context, np.zeros(400), OpeSettings(), 0) == 0.0).all()


def test_the_verdict_rests_on_what_is_known(drawn):
    log, policy, items, _ = drawn

    def without(given, **gone):
        return replace(given, **gone)

    full = slate_case(log, policy, items).kind
    assert (full.primary, full.second) == ("cascade_dr", "snsips")
    bare = slate_case(log, policy).kind
    assert (bare.primary, bare.second) == ("snrips", "snsips")
    assert "cascade_dr" not in bare.default
    joint = slate_case(log, without(policy, cascade=None), items)
    assert joint.kind.default == ("sips", "iips", "snsips", "sniips")
    assert (joint.kind.primary, joint.kind.second) == ("snsips", "sips")
    cascade = slate_case(log, without(policy, joint=None, position=None))
    assert cascade.rows.weight == pytest.approx(slate_case(log, policy).rows.weight)
    assert cascade.kind.default == ("sips", "rips", "snsips", "snrips")
    with pytest.raises(LogError, match=r"estimator sniips needs .*propensity_position of the log"):
        BY_NAME["sniips"].estimate(cascade.rows)
    with pytest.raises(LogError, match=r"estimator rips needs .*probability_cascade of the policy"):
        BY_NAME["rips"].estimate(joint.rows)
    with pytest.raises(LogError, match=r"estimator cascade_dr needs reward estimates: .*--qhat"):
        BY_NAME["cascade_dr"].estimate(slate_case(log, policy).rows)


def test_items_never_shown_at_a_position_are_named(drawn):
    log, policy, items, _ = drawn
    more = replace(log, actions=(*log.actions, "new"))
    probability = np.column_stack([0.9 * items.probability, np.full(120, 0.1)])
    q = np.zeros((120, 5))
    support = slate_case(more, policy, ItemValues(probability, q)).support
    assert support.unsupported_share == pytest.approx(0.1)
    assert support.unsupported_actions == ("new at position 0", "new at position 1")
    assert slate_case(log, policy, items).support.unsupported_share == 0.0


def test_cut_weights_are_cut_in_every_column(drawn):
    log, policy, items, _ = drawn
    case = slate_case(log, policy, items)
    cut = case.clip(case.rows, 0.5)
    assert max(cut.weight.max(), cut.weight_position.max(), cut.weight_cascade.max()) == 0.5
    assert cut.q_policy is case.rows.q_policy


FAULTS = [
    (lambda log: {"slate": log.slate[:0], "cluster": log.cluster[:0]}, "the log is empty"),
    (lambda log: {"reward": log.reward[1:]}, "120 rows but 119 values of reward"),
    (lambda log: {"evidence": "guess"}, "evidence is 'guess'"),
    (lambda log: {"cluster": log.cluster[1:]}, "clusters for 59 slates"),
    (lambda log: {"action": log.action + 1}, "row .*: action is 4; no such item"),
    (lambda log: {"position": np.where(log.slate == 2, 1, log.position)}, "position twice"),
    (lambda log: {"position": log.position - 1}, "row 1: position is -1; positions count from 0"),
    (lambda log: {"action": np.zeros(120, dtype=int)}, "shows one slate only"),
    (lambda log: {"action": np.tile([1, 2], 60)}, "shows one slate only"),
    (
        lambda log: {"propensity": SlateProbabilities(position=log.propensity.position)},
        "no column 'propensity': the probability of the whole slate",
    ),
]


@pytest.mark.parametrize(("change", "message"), FAULTS)
def test_faults_of_arrays_are_refused(drawn, change, message):
    log, policy, items, _ = drawn
    with pytest.raises(LogError, match=message):
        slate_case(replace(log, **change(log)), policy, items)


def test_faults_of_a_policy_or_of_estimates_are_refused(drawn):
    log, policy, items, _ = drawn
    with pytest.raises(LogError, match="policy is 'uniform'; give probabilities"):
        slate_case(log, "uniform", items)
    with pytest.raises(LogError, match="the policy, row 1: probability is 2; it must be from 0"):
        slate_case(log, replace(policy, joint=np.full(120, 2.0)), items)
    with pytest.raises(LogError, match=r"the items' reward estimates have shape \(120, 3\)"):
        slate_case(log, policy, replace(items, q=items.q[:, :3]))
    with pytest.raises(LogError, match="row 1, item 'a': nan is not a finite number"):
        slate_case(log, policy, replace(items, q=np.full((120, 4), np.nan)))
    with pytest.raises(LogError, match="their sum is 2; it must be 1"):
        slate_case(log, policy, replace(items, probability=2.0 * items.probability))
    with pytest.raises(LogError, match=r"the lowest is -0\.\d+; it must be from 0"):
        slate_case(log, policy, replace(items, probability=items.probability - 0.1))
