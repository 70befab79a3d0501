import time

import numpy as np
import pytest
from scipy.stats import rankdata

from promopilot.predictors import scores
from promopilot.predictors.bootstrap import (
    Resampling,
    curve_draws,
    interval,
    spearman_draws,
    units,
)
from promopilot.predictors.comparison import compare
from promopilot.predictors.contenders import Outcome
from promopilot.predictors.dataset import Promotions


def outcome(rows: int, groups: int, seed: int = 0) -> tuple[Outcome, np.ndarray]:
    """Rows whose rates depend on their group, a good contender and a bad one."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, rows)
    truth = 0.05 + 0.1 * rng.uniform(size=groups)[group]
    trials = rng.integers(20, 200, rows).astype(float)
    return (
        Outcome(
            stage="ctr",
            trials=trials,
            events=rng.binomial(trials.astype(int), truth).astype(float),
            rates={
                "predictor": truth,
                "base": np.full(rows, 0.1),
                "tfidf": np.clip(truth + 0.02 * rng.standard_normal(rows), 0.01, 0.5),
            },
            sd=np.full(rows, 0.1),
            promotion=group,
            item=group,
        ),
        group,
    )


def expanded(again: Resampling, draw: int) -> np.ndarray:
    """The rows of one draw, written out."""
    counts = again.weights[draw][again.unit].astype(int)
    return np.repeat(np.arange(len(counts)), counts)


def test_draws_are_what_scoring_the_drawn_rows_gives() -> None:
    part, group = outcome(300, 25)
    again = Resampling.of(group, 5, 1)
    rate = part.rates["tfidf"]
    sums, losses = again.sums(part.trials), scores.log_losses(rate, part.trials, part.events)
    areas = curve_draws(again, rate, part.trials, part.events)
    for draw in range(5):
        rows = expanded(again, draw)
        drawn = (rate[rows], part.trials[rows], part.events[rows])
        assert again.sums(losses)[draw] / sums[draw] == pytest.approx(scores.log_loss(*drawn))
        assert areas[draw] == pytest.approx(scores.area_under_curve(*drawn), abs=2e-3)


@pytest.mark.parametrize("ties", [False, True])
def test_rank_correlation_counts_a_group_drawn_twice_twice(ties: bool) -> None:
    rng = np.random.default_rng(3)
    predicted, observed = rng.normal(size=40), rng.normal(size=40)
    if ties:
        predicted, observed = np.round(predicted), np.round(observed)
    again = Resampling.of(np.arange(40) // 4, 6, 2)
    found = spearman_draws(again, predicted, observed)
    for draw in range(6):
        rows = expanded(again, draw)
        ranks = rankdata(predicted[rows]), rankdata(observed[rows])
        assert found[draw] == pytest.approx(np.corrcoef(*ranks)[0, 1])


def test_whole_groups_are_drawn_and_many_are_bundled() -> None:
    again = Resampling.of(np.repeat(np.arange(5000), 2), 50)
    assert again.weights.shape == (50, 1000)
    assert (again.unit[::2] == again.unit[1::2]).all()
    assert (again.weights.sum(1) == 1000).all()
    few = again.pick(np.arange(10_000) < 20, 7)
    assert few.weights.shape[0] == 7
    assert few.weights.shape[1] == len(np.unique(again.unit[:20]))


def test_groups_widen_intervals_and_seeds_repeat_them() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(30), 50)
    values = rng.normal(size=30)[group] + 0.1 * rng.normal(size=1500)

    def width(unit: np.ndarray, seed: int) -> float:
        again = Resampling.of(unit, 500, seed)
        low, high = interval(again.sums(values) / again.sums(np.ones(1500))) or (0.0, 0.0)
        return high - low

    assert width(group, 0) > 4 * width(np.arange(1500), 0)
    assert width(group, 0) == width(group, 0) != width(group, 1)


def test_the_interval_of_a_difference_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        part, group = outcome(400, 40, seed)
        found = compare(part, Resampling.of(group, 200, seed), None)
        [score] = [s for s in found if (s.contender, s.measure) == ("tfidf", "log_loss")]
        truth = part.rates["predictor"]
        # In expectation over events, given the rates.
        true = scores.log_loss(truth, part.trials, part.trials * truth) - scores.log_loss(
            part.rates["tfidf"], part.trials, part.trials * truth
        )
        assert score.difference_low is not None
        assert score.difference_high is not None
        held += score.difference_low <= true <= score.difference_high
    assert held >= 51  # 95 % of 60 is 57; groups are few, so that a little less is to be expected


def test_units_are_groups_and_tests_stay_in_one_piece() -> None:
    def promotions(group: list[str], test: list[str] | None) -> Promotions:
        count = len(group)
        missing = np.full(count, np.nan)
        names = np.array([f"p{i}" for i in range(count)], dtype=object)
        tests = None if test is None else np.array(test, dtype=object)
        return Promotions(names, names, np.array(group, dtype=object), tests, missing, missing, {})

    plain = units(promotions(["a", "a", "", ""], None))
    assert plain[0] == plain[1]
    assert len(set(plain.tolist())) == 3
    tied = units(promotions(["a", "b", "c", ""], ["t", "t", "", ""]))
    assert tied[0] == tied[1]
    assert len(set(tied.tolist())) == 3


def test_every_measure_comes_for_every_contender() -> None:
    part, group = outcome(2000, 50)
    tests = np.array(["t"] * 25 + [""] * 25, dtype=object)
    found = {(s.contender, s.measure): s for s in compare(part, Resampling.of(group), tests)}
    measures = {"log_loss", "normalised_entropy", "expected_over_observed", "calibration_error"}
    for measure in measures | {"auc", "spearman", "pair_accuracy"}:
        ours = found["predictor", measure]
        assert ours.difference is None
        if measure != "calibration_error":
            assert ours.low is not None
            assert ours.high is not None
            assert ours.low <= ours.value <= ours.high
        rival = found["tfidf", measure]
        assert rival.difference == pytest.approx(ours.value - rival.value)
    assert ("base", "spearman") not in found  # all its rates are equal
    assert found["tfidf", "log_loss"].difference_high < 0


def test_a_part_without_trials_has_no_scores() -> None:
    part, group = outcome(50, 5)
    silent = Outcome(**{**part.__dict__, "trials": np.zeros(50), "events": np.zeros(50)})
    assert compare(silent, Resampling.of(group, 10), None) == []


def test_a_thousand_draws_of_a_hundred_thousand_rows_take_seconds() -> None:
    part, group = outcome(100_000, 2000)
    start = time.process_time()
    compare(part, Resampling.of(group), None)
    assert time.process_time() - start < 10.0
