from dataclasses import replace

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

from promopilot.experiments.ope.evaluate import evaluate
from promopilot.experiments.ope.request import parse_requests
from promopilot.experiments.ope.sequential.case import sequential_case
from promopilot.experiments.ope.sequential.fqe import fit_q
from promopilot.experiments.ope.sequential.kind import SEQUENTIAL
from promopilot.experiments.ope.sequential.q_model import LinearModel, QModel, q_model
from promopilot.experiments.ope.settings import OpeSettings
from tests.ope_sequential_world import Chain

WORLD = Chain()
LOG, POLICY = WORLD.log(1500, seed=3)
FOLD = np.arange(1500) % 5
SETTINGS = OpeSettings(replicates=200)


def trees(rounds):
    return HistGradientBoostingRegressor(max_iter=rounds, early_stopping=False, random_state=0)


@pytest.mark.parametrize("discount", [1.0, 0.8])
@pytest.mark.parametrize("end", [0.0, 0.25])
def test_the_value_of_a_known_world_is_found(discount, end):
    world = Chain(end=end)
    log, policy = world.log(3000, seed=4)
    case = sequential_case(log, policy, settings=SETTINGS.model_copy(update={"discount": discount}))
    assert case.rows.fitted_start.mean() == pytest.approx(world.value(discount), rel=0.03)
    assert case.checks == ()
    check = case.extra["q_model"]
    assert check["explained"] > 0.05
    assert check["fits"] == 5 * world.steps


def test_estimates_of_every_step_state_and_action_are_close():
    fitted = fit_q(LOG, POLICY, 1.0, FOLD, q_model(SETTINGS, 2, 0))
    truth = WORLD.values()[LOG.step, LOG.state[:, 0].astype(int)]
    assert np.sqrt(np.square(fitted.qhat - truth).mean()) < 0.2 * truth.std()


def test_an_episodes_estimates_do_not_know_its_rewards():
    fitted = fit_q(LOG, POLICY, 1.0, FOLD, q_model(SETTINGS, 2, 0))
    changed = LOG.reward + 100.0 * (LOG.episode == 7)
    again = fit_q(replace(LOG, reward=changed), POLICY, 1.0, FOLD, q_model(SETTINGS, 2, 0))
    same = FOLD[LOG.episode] == FOLD[7]
    np.testing.assert_array_equal(again.qhat[same], fitted.qhat[same])
    assert not np.allclose(again.qhat[~same], fitted.qhat[~same])


def test_estimates_stay_within_what_was_seen_to_follow():
    fitted = fit_q(LOG, POLICY, 1.0, FOLD, q_model(SETTINGS, 2, 0))
    assert fitted.qhat.min() >= 0.0
    assert fitted.qhat.max() <= WORLD.steps


def test_a_world_without_chance_is_learnt_exactly():
    """Reward 1 for action b, nothing else matters: "always b" is worth the number of steps."""
    log = replace(LOG, reward=LOG.action.astype(float), state=np.empty((len(LOG.action), 0)))
    always = np.tile([0.0, 1.0], (len(log.action), 1))
    case = sequential_case(log, always)
    assert case.rows.fitted_start.mean() == pytest.approx(WORLD.steps, rel=0.02)
    assert case.extra["q_model"]["explained"] > 0.99
    assert case.checks == ()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: DummyRegressor(), id="says the mean"),
        pytest.param(lambda: DummyRegressor(strategy="constant", constant=0.0), id="says nothing"),
        pytest.param(lambda: trees(1), id="stopped after a round"),
    ],
)
def test_a_model_that_learnt_nothing_keeps_a_policy_from_being_shipped(make):
    healthy = sequential_case(LOG, POLICY, settings=SETTINGS)
    assert evaluate(healthy, parse_requests((), SEQUENTIAL), SETTINGS, 0)["verdict"] == "ship"
    case = sequential_case(LOG, POLICY, settings=SETTINGS, model=QModel("lazy", make))
    assert len(case.checks) == 1
    assert "it has not learnt" in case.checks[0]
    result = evaluate(case, parse_requests((), SEQUENTIAL), SETTINGS, 0)
    assert result["verdict"] == "test_first"
    assert case.checks[0] in result["reasons"]
    assert result["diagnostics"]["q_model"]["failed"] == list(case.checks)


def test_a_model_stopped_too_early_is_told_from_one_that_is_done():
    def case(rounds):
        model = QModel("trees", lambda: trees(rounds), lambda: trees(2 * rounds))
        return sequential_case(LOG, POLICY, settings=SETTINGS, model=model)

    early, done = case(10), case(60)
    assert any("not trained for long enough" in text for text in early.checks)
    assert early.extra["q_model"]["shift"] > SETTINGS.q_model_max_shift
    assert done.extra["q_model"]["shift"] < SETTINGS.q_model_max_shift
    assert not any("not trained for long enough" in text for text in done.checks)


def test_rewards_of_pure_chance_are_no_fault_of_the_model():
    noise = replace(LOG, reward=np.random.default_rng(5).normal(size=len(LOG.action)))
    case = sequential_case(noise, POLICY, settings=SETTINGS)
    assert case.checks == ()
    assert case.extra["q_model"]["explained"] == pytest.approx(0.0, abs=0.02)


def test_rewards_that_never_differ_are_no_fault_of_the_model():
    same = replace(LOG, reward=np.ones(len(LOG.action)))
    case = sequential_case(same, POLICY, settings=SETTINGS)
    assert case.checks == ()
    assert case.extra["q_model"]["explained"] is None
    assert case.rows.fitted_start.mean() == pytest.approx(WORLD.steps)


def test_one_cluster_leaves_folds_of_episodes_and_one_episode_none():
    together = replace(LOG, cluster=np.zeros(1500, dtype=int))
    assert sequential_case(together, POLICY, settings=SETTINGS).checks == ()
    log, policy = Chain(steps=6).log(1, seed=1)
    alone = sequential_case(log, policy, settings=SETTINGS)
    assert "could not be fitted" in alone.checks[0]
    result = evaluate(alone, parse_requests((), SEQUENTIAL), SETTINGS, 0)
    found = {row["estimator"]: row["estimate"] for row in result["estimates"]}
    assert found["fqe"] is found["dm_seq"] is found["dr_seq"] is None  # no model, no figure
    assert found["pdis"] is not None


def test_any_scikit_learn_regressor_may_be_the_model():
    def forest():
        return RandomForestRegressor(n_estimators=10, min_samples_leaf=20, random_state=0)

    case = sequential_case(LOG, POLICY, settings=SETTINGS, model=QModel("forest", forest))
    assert case.checks == ()
    assert case.rows.fitted_start.mean() == pytest.approx(WORLD.value(), rel=0.1)


def test_states_may_be_missing_constant_labels_or_far_out():
    rng = np.random.default_rng(6)
    state = np.column_stack([rng.normal(size=200), rng.integers(3, size=200), np.ones(200)])
    target = 2.0 * state[:, 0] + (state[:, 1] == 2)
    state[::10, 0] = np.nan
    model = LinearModel().fit(state, target)
    assert np.isfinite(model.predict(state)).all()
    known = np.isfinite(state[:, 0])
    assert np.corrcoef(model.predict(state[known]), target[known])[0, 1] > 0.99
    far = np.array([[1e9, 7.0, 0.0], [np.nan, np.nan, np.nan]])
    assert np.abs(model.predict(far)).max() < 20.0


def test_the_boosted_model_is_offered_by_the_settings():
    log, policy = WORLD.log(120, seed=8)
    few = OpeSettings(q_model="boosting", model_rounds=5, folds=2)
    case = sequential_case(log, policy, settings=few)
    assert case.extra["q_model"]["model"] == "boosting"
    assert case.extra["q_model"]["shift"] is not None
