"""The bench of offline evaluation: its log, what it measures and where the figures go."""

import sys

import numpy as np
import pandas as pd
import pytest

from promopilot.experiments.bench import ope, ope_arrays
from promopilot.experiments.bench.ope_log import ACTIONS, made_up, write_files
from promopilot.experiments.bench.process import run_alone
from promopilot.experiments.ope.bandit.case import BANDIT
from promopilot.experiments.ope.bandit.files import read_case
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust.diagnostics import effective_sample_size

NAMES = {
    *("rows", "estimator_seconds", "replicates_seconds", "evaluate_seconds", "arrays_mb"),
    *("files_seconds", "files_mb"),
    *("streamed_rows", "streamed_seconds", "streamed_mb", "streamed_bytes_per_decision"),
}


def test_every_figure_is_measured_in_a_process_of_its_own():
    found = ope.measure(decisions=300, streamed=600, replicates=100)
    assert set(found) == NAMES
    goals = {name for name, one in found.items() if one["goal"] is not None}
    assert goals >= {"estimator_seconds", "replicates_seconds", "arrays_mb", "streamed_mb"}
    assert found["rows"]["value"] == 300.0
    assert found["streamed_rows"]["value"] == 600.0
    assert all(found[name]["value"] > 0 for name in NAMES - {"streamed_bytes_per_decision"})


def test_all_estimators_but_the_fitted_one_are_formulas():
    assert set(BANDIT.families) - set(ope_arrays.closed_form()) == {"balanced_ipw"}


def test_the_log_is_neither_easy_nor_hopeless():
    made = made_up(20_000)
    rows = ope_arrays.rows_of(made)
    assert 0.1 < effective_sample_size(rows.weight) / 20_000 < 0.5
    assert rows.weight.mean() == pytest.approx(1.0, abs=0.1)
    assert 0.08 < made.log.reward.mean() < 0.14
    np.testing.assert_allclose(made.policy.sum(axis=1), 1.0)


def test_files_hold_the_log_that_arrays_hold(tmp_path):
    write_files(500, tmp_path / "log")
    policy = tmp_path / "log" / "policy.parquet"
    inputs = Inputs(tmp_path / "log" / "log.parquet", str(policy), tmp_path / "log/qhat.parquet")
    case = read_case(inputs, OpeSettings(), 0)
    order = np.argsort(np.arange(500).astype(str))
    want = ope_arrays.rows_of(made_up(500))
    np.testing.assert_allclose(case.rows.weight, want.weight[order], rtol=1e-12)
    np.testing.assert_allclose(case.rows.q_policy, want.q_policy[order], rtol=1e-12)
    assert len(pd.read_parquet(policy)) == 500 * ACTIONS


def test_time_and_memory_are_those_of_the_process_alone():
    small = run_alone([sys.executable, "-c", "print('said')"])
    large = run_alone([sys.executable, "-c", "x = b'1' * 200_000_000"])
    assert small.said == "said"
    assert 150 < large.peak_mb - small.peak_mb < 250
    slow = run_alone([sys.executable, "-c", "import time; time.sleep(0.5)"])
    assert 0.5 <= slow.seconds < 30


def test_a_process_that_fails_tells_its_last_words():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run_alone([sys.executable, "-c", "1 / 0"])
