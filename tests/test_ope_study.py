"""The study of offline evaluation: its worlds are what they say, and it judges as it says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from promopilot.experiments.bench.ope_study import logs as ope_study_logs
from promopilot.experiments.bench.ope_study import run as ope_study
from promopilot.experiments.bench.ope_study.bandit import shop
from promopilot.experiments.bench.ope_study.cases import judged
from promopilot.experiments.bench.ope_study.judge import coverage, decisions
from promopilot.experiments.bench.ope_study.logs import Answer, Row, simulate
from promopilot.experiments.bench.ope_study.page import page
from promopilot.experiments.bench.ope_study.policies import Aim
from promopilot.experiments.bench.ope_study.sequential import weeks
from promopilot.experiments.bench.ope_study.settings import STUDY
from promopilot.experiments.bench.ope_study.slate import PLACES, mailer

AIMS = {"new": Aim(0.08, 0.4), "equal": Aim(0.0, 0.4)}
WORLDS = {
    "purchases": (lambda: shop(3, 1.0, 0.2, False, AIMS), 20_000),
    "baskets": (lambda: shop(3, 1.0, 0.2, True, AIMS), 20_000),
    "places": (lambda: mailer(3, 0.5, False, AIMS), 10_000),
    "readers": (lambda: mailer(3, 0.5, True, AIMS), 10_000),
    "weeks": (lambda: weeks(3, 0.4, AIMS), 10_000),
}
GOOD = STUDY["bandit-purchases-good-500"]


@pytest.fixture(scope="module", params=WORLDS)
def cases(request):
    """The world's value as logged, and its policies on one long log."""
    make, units = WORLDS[request.param]
    world = make()
    return world.logged_value, list(judged(world, units, 0))


def test_the_truth_of_a_world_is_what_long_logs_show(cases):
    logged, found = cases
    for one in found:
        rows = one.case.rows
        weighted = rows.weight * rows.logged
        for values, truth in (
            (rows.logged, logged),
            (weighted, one.value),
            (rows.weight, 1.0),
        ):
            error = values.std() / np.sqrt(len(values))
            assert abs(values.mean() - truth) < 4.5 * error


def test_policies_gain_and_overlap_as_asked(cases):
    logged, found = cases
    for one in found:
        assert one.value - logged == pytest.approx(one.gain)
        assert one.gain / logged == pytest.approx(AIMS[one.policy].gain, abs=1e-6)
        assert np.square(one.case.rows.weight).mean() == pytest.approx(1 / 0.4, rel=0.15)


def test_a_log_is_the_same_for_the_same_seed_and_another_for_another():
    world = weeks(3, 0.4, AIMS)
    one, same, other = (next(judged(world, 50, seed)).case.rows.logged for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_each_offer_stands_somewhere_and_each_place_holds_one():
    policy = mailer(3, 0.5, True, AIMS).policies["new"]
    np.testing.assert_allclose(policy.lists.sum(axis=1), 1.0)
    np.testing.assert_allclose(policy.at_place.sum(axis=1), 1.0)
    assert (policy.at_place.sum(axis=2) <= 1.0 + 1e-12).all()
    assert policy.cascade.shape[2] == PLACES


def test_an_aim_out_of_reach_is_refused():
    with pytest.raises(ValueError, match="reaches the aim"):
        weeks(3, 0.4, {"new": Aim(0.5, 0.9)})


def test_every_setting_of_the_issue_is_there():
    for kind in ("bandit", "slate", "sequential"):
        mine = [one for one in STUDY.values() if one.kind == kind and not one.decides_only]
        sizes = {one.units for one in mine}
        assert len(sizes) >= 2
        assert {(one.overlap, one.units) for one in mine} == {
            (overlap, units) for overlap in ("good", "poor") for units in sizes
        }
        assert any(one.decides_only for one in STUDY.values() if one.kind == kind)


def answers(hits, logs, policy="new", verdicts=("test_first",), gain=1.0, ess=0.5):
    """Answers of which the first `hits` have an interval that holds the truth."""
    return [
        Answer(
            policy=policy,
            true_value=2.0,
            true_gain=gain,
            verdict=verdicts[at % len(verdicts)],
            rules=("no_gain",),
            ess_share=ess,
            primary="dr",
            rows={
                "dr": Row(2.0, (1.0, 3.0), gain + 0.2 * (-1) ** at, (gain - 1.0, gain + 1.0))
                if at < hits
                else Row(2.0, (2.5, 3.0), gain + 0.2 * (-1) ** at, (None, None))
            },
        )
        for at in range(logs)
    ]


@pytest.mark.parametrize(
    ("hits", "logs", "finding"),
    [
        (475, 500, "holds"),
        (455, 500, "holds"),  # 91 %: not surely below 92
        (440, 500, "too low"),
        (500, 500, "too high"),
        (493, 500, "holds"),
        (199, 199, "not judged"),
        (190, 200, "holds"),
    ],
)
def test_coverage_is_judged_by_exact_tests_where_enough_logs_pass(hits, logs, finding):
    value, gain = coverage(GOOD, answers(hits, logs))
    assert (value.finding, gain.finding) == (finding, finding)
    assert value.share == pytest.approx(hits / logs)


def test_logs_that_are_refused_count_only_in_the_coverage_over_all():
    found = answers(250, 500, verdicts=("test_first", "insufficient_support"))
    value = coverage(GOOD, found)[0]
    assert (value.passed, value.hits, value.logs, value.all_hits) == (250, 125, 500, 250)


def test_estimators_whose_assumption_fails_are_not_judged():
    value, gain = coverage(replace(GOOD, unjudged=("dr",)), answers(300, 500))
    assert value.finding == gain.finding == "not judged"


@pytest.mark.parametrize(
    ("policy", "shipped_of_20", "ess", "holds"),
    [
        ("equal", 1, 0.5, True),
        ("equal", 2, 0.5, False),
        ("worse", 2, 0.5, False),
        ("better", 16, 0.5, True),
        ("better", 15, 0.5, False),
        ("better", 15, 0.1, None),  # too little usable evidence for anything to be asked
        ("new", 0, 0.5, None),
    ],
)
def test_decisions_are_held_to_what_is_asked_of_them(policy, shipped_of_20, ess, holds):
    verdicts = ("ship",) * shipped_of_20 + ("test_first",) * (20 - shipped_of_20)
    (one,) = decisions(GOOD, answers(100, 100, policy, verdicts, ess=ess))
    assert one.share == shipped_of_20 / 20
    assert one.error_share == (np.inf if policy == "equal" else pytest.approx(0.2))
    assert one.holds is holds
    assert one.doubts == (("no_gain", 1.0),)


def test_a_better_policy_counts_only_where_the_standard_error_is_small_enough():
    (one,) = decisions(GOOD, answers(100, 100, "better", ("test_first",), gain=0.5))
    assert one.error_share == pytest.approx(0.4)
    assert one.holds is None


def test_logs_are_simulated_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    done = []

    def made(name, seed):
        done.append(seed)
        return answers(1, 1)

    monkeypatch.setattr(ope_study_logs, "_answers", made)
    first = simulate(GOOD.name, 0, 3, tmp_path)
    assert simulate(GOOD.name, 0, 3, tmp_path) == first
    assert done == [0, 1, 2]
    (kept,) = (tmp_path / "ope_study").iterdir()
    kept.write_text(kept.read_text()[:50])  # cut off by a full disk, say
    assert simulate(GOOD.name, 0, 3, tmp_path).answers == first.answers
    assert done == [0, 1, 2, 0, 1, 2]


def test_the_page_names_what_fails_and_the_figures_do_not_hold():
    covered = coverage(GOOD, answers(440, 500))
    decided = decisions(GOOD, answers(500, 500, "equal", ("ship", "test_first")))
    text = page(covered, decided, 500)
    assert "bandit-purchases-good-500 dr (value, too low)" in text
    assert "| dr | 88.0% (88.0%) | 88.0% (88.0%) | too low |" in text
    assert "**no**" in text
    found = ope_study.figures(covered, decided, 60.0)
    assert found["intervals_outside"]["value"] == 2
    assert found["intervals_outside"]["holds"] is False
    assert found["no_better_shipped_most"]["holds"] is False
    assert found["minutes"]["value"] == 1.0


def test_a_small_study_runs_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In this process: what the others do is the same."""

    class Here:
        def __init__(self, *given):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *given):
            pass

        def submit(self, call, *given):
            job = ope_study.Future()
            job.set_result(call(*given))
            return job

    monkeypatch.setattr(ope_study, "ProcessPoolExecutor", Here)
    told = []
    found = ope_study.measure(
        tmp_path,
        lambda what, share: told.append(share),
        logs=3,
        names=("sequential-weeks-good-200",),
    )
    assert told[-1] == 1.0
    assert found["intervals_judged"]["value"] == 0
    assert found["no_better_shipped_most"]["value"] <= 1.0
    text = (tmp_path / "ope_study" / ope_study.PAGE).read_text()
    assert "### sequential, five weeks: good overlap, 200 units" in text
    assert "| fqe |" in text or "| dr_seq |" in text


@pytest.mark.slow
@pytest.mark.timeout(2 * 3600)  # on two cores it is to be done within one
def test_the_whole_study_holds():
    found = ope_study.measure(Path("runs/bench"), lambda what, share: None)
    broken = {name: one for name, one in found.items() if one["holds"] is False}
    assert not broken
