"""The likelihood inside randomised tests: what it sees, and what it teaches."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial

from promopilot.predictors.dataset import Rows, rows_from_tables
from promopilot.predictors.likelihood import shares_nll
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.training import fit

WORDS = ("soup", "milk", "beer", "tea", "cheese")
EFFECT = dict(zip(WORDS, (-0.6, -0.3, 0.0, 0.3, 0.6), strict=True))


def doubles(values: object) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def shares(logits: list[float], shown: list[float], clicks: list[float]) -> float:
    count = len(logits)
    return shares_nll(
        doubles(logits)[:, None],
        doubles(shown)[:, None],
        doubles(clicks)[:, None],
        torch.arange(count),
        torch.zeros(count, dtype=torch.int64),
        torch.ones((count, 1), dtype=torch.float64),
    ).item()


TEST = st.lists(
    st.tuples(st.floats(-8, 2), st.integers(1, 1000), st.integers(0, 30)), min_size=2, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(TEST)
def test_it_is_the_multinomial_of_who_got_the_clicks(test: list[tuple[float, int, int]]) -> None:
    logits, shown, clicks = ([float(row[i]) for row in test] for i in range(3))
    expected = np.array(shown) / (1 + np.exp(-np.array(logits)))
    # The coefficient is what remains at equal logits too.
    equal = np.array(shown) / sum(shown)
    log_pmf = multinomial.logpmf(clicks, int(sum(clicks)), expected / expected.sum())
    at_equal = multinomial.logpmf(clicks, int(sum(clicks)), equal)
    found = shares(logits, shown, clicks) - shares([0.0] * len(test), shown, clicks)
    assert found == pytest.approx(at_equal - log_pmf, rel=1e-6, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(TEST, st.floats(-3, 3))
def test_the_level_of_a_test_does_not_count(
    test: list[tuple[float, int, int]], shift: float
) -> None:
    logits, shown, clicks = ([float(row[i]) - 20 * (i == 0) for row in test] for i in range(3))
    moved = [logit + shift for logit in logits]  # small rates: the log link, where it is exact
    assert shares(moved, shown, clicks) == pytest.approx(shares(logits, shown, clicks), rel=1e-6)


def randomised(count: int, seed: int) -> pd.DataFrame:
    """Randomised tests of three texts each; a test's own level is wild, a word has an effect."""
    rng = np.random.default_rng(seed)
    rows = []
    for test in range(count):
        level = rng.normal(-3.5, 0.8)
        for arm, word in enumerate(rng.choice(WORDS, 3, replace=False)):
            brand = rng.choice(["national", "private"])
            rows.append((f"t{test}", f"t{test}-{arm}", f"{brand} {word}", level + EFFECT[word]))
    table = pd.DataFrame(rows, columns=["test_id", "promotion_id", "text", "logit"])
    table["impressions"] = 2000
    table["clicks"] = rng.binomial(2000, 1 / (1 + np.exp(-table["logit"])))
    return table.assign(date=pd.Timestamp("2024-01-01"), group_id=table["test_id"])


def rows_of(table: pd.DataFrame) -> Rows:
    promotions = table[["promotion_id", "text", "group_id", "test_id"]]
    performance = table[["date", "promotion_id", "impressions", "clicks"]]
    return rows_from_tables(promotions, None, None, performance, PredictorSettings())


def right_pairs(predicted: np.ndarray, table: pd.DataFrame) -> float:
    truth = table["logit"].to_numpy().reshape(-1, 3)
    guess = predicted.reshape(-1, 3)
    pairs = [(0, 1), (0, 2), (1, 2)]
    return float(
        np.mean([np.sign(truth[:, a] - truth[:, b]) == np.sign(guess[:, a] - guess[:, b])
                 for a, b in pairs])
    )  # fmt: skip


def test_ranking_inside_tests_finds_what_levels_hide(
    quick: PredictorSettings, tmp_path: Path
) -> None:
    train, choose, new = (randomised(count, seed) for seed, count in enumerate((60, 30, 200)))
    frozen = quick.model_copy(
        update={
            "mode": "frozen",
            "linear_start": False,
            "head_epochs": 40,
            "group_dropout": 1.0,
        }
    )
    right = {}
    for weight in (0.0, 1.0):
        config = frozen.model_copy(
            update={"rank_loss": weight, "level_sd": 0.0 if weight == 0 else 0.55}
        )
        fitted = fit(rows_of(train), rows_of(choose), config, tmp_path / str(weight), 0)
        rates = fitted.predict(rows_of(new)).ctr
        assert rates is not None
        right[weight] = right_pairs(np.log(rates), new)
    assert right[1.0] > 0.95
    assert right[1.0] > right[0.0]
