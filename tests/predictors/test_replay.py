"""Old rows that are learnt again: few stand for all, and no bias."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from promopilot.predictors.calendar import Calendar
from promopilot.predictors.dataset import Rows, rows_from_tables
from promopilot.predictors.encoder import load_tokenizer
from promopilot.predictors.reader import Reader
from promopilot.predictors.replay import History, inclusion, replay, units_of
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.vocabulary import Vocabulary

OLD, NEW = 60, 5


def rows() -> Rows:
    """Sixty old texts, of which the first five are shown in the new days too."""
    rng = np.random.default_rng(0)
    names = [f"p{i}" for i in range(OLD)]
    promotions = pd.DataFrame(
        {
            "promotion_id": names,
            "text": [f"offer {name}" for name in names],
            "group_id": [f"g{i % 4}" for i in range(OLD)],
        }
    )
    shown = pd.DataFrame({"promotion_id": names * 2})
    shown["date"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(shown)) // OLD, "D")
    shown["impressions"] = np.exp(rng.normal(5, 1.5, len(shown))).astype(int) + 10
    late = shown.head(NEW).assign(date=pd.Timestamp("2024-01-08"))
    shown = pd.concat([shown, late], ignore_index=True)
    shown["clicks"] = rng.binomial(shown["impressions"], 0.2)
    return rows_from_tables(promotions, None, None, shown, PredictorSettings())


def history(found: Rows) -> History:
    is_new = found.day > found.day.min() + 5
    return History(found, is_new, np.zeros(len(found), dtype=np.bool_))


def test_sums_of_what_is_drawn_are_right_on_average() -> None:
    past = history(rows())
    old = past.part(new=False, choose=False)
    draws = [replay(past, 20, seed) for seed in range(400)]
    for value in ("impressions", "clicks"):
        sums = []
        for drawn in draws:
            again = drawn.rows.pick(drawn.rows.day < past.rows.day.max())
            sums.append((getattr(again, value) * drawn.share[again.promotion]).sum())
        error = np.std(sums) / np.sqrt(len(sums))
        assert abs(np.mean(sums) - getattr(old, value).sum()) < 4 * error + 1e-9
        assert np.std(sums) < 0.25 * np.mean(sums)


def test_texts_are_few_and_those_shown_again_are_among_them() -> None:
    past = history(rows())
    for seed in range(20):
        drawn = replay(past, 20, seed)
        assert drawn.of_texts == OLD
        assert 19 <= drawn.texts <= 20
        assert set(range(NEW)) <= set(drawn.rows.promotion)
        assert (drawn.share[:NEW] == 1).all()
        assert (drawn.rows.day == past.rows.day.max()).sum() == NEW
    assert (replay(past, 20, 3).rows.promotion == replay(past, 20, 3).rows.promotion).all()


def test_enough_room_takes_all_and_none_takes_nothing() -> None:
    past = history(rows())
    every = replay(past, OLD, 0)
    assert len(every.rows) == len(past.rows)
    assert (every.share == 1).all()
    nothing = replay(past, 0, 0)
    assert (nothing.texts, len(nothing.rows)) == (0, NEW)


def test_tests_are_drawn_whole() -> None:
    found = rows()
    tests = np.array([f"t{i // 3}" for i in range(OLD)], dtype=object)
    promotions = dataclasses.replace(found.promotions, test_id=tests)
    past = history(dataclasses.replace(found, promotions=promotions))
    drawn = replay(past, 30, 0)
    inside = set(drawn.rows.promotion)
    assert 0 < len(inside) < OLD
    assert all(({3 * t, 3 * t + 1, 3 * t + 2} & inside) in (set(), {3 * t, 3 * t + 1, 3 * t + 2})
               for t in range(OLD // 3))  # fmt: skip
    assert len(set(units_of(promotions))) == OLD // 3


@budget(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.1, 1e6), min_size=1, max_size=30), st.integers(0, 40))
def test_chances_sum_to_what_is_wanted(sizes: list[float], wanted: int) -> None:
    chance = inclusion(np.array(sizes), wanted)
    assert (chance >= 0).all()
    assert (chance <= 1).all()
    assert chance.sum() == pytest.approx(min(wanted, len(sizes)), rel=1e-6)


def test_the_loss_of_what_is_drawn_counts_for_all(quick: PredictorSettings) -> None:
    found = rows()
    past = history(found)
    drawn = replay(past, 20, 1)
    calendar = Calendar.fit(found, quick.extra_sd)
    tokenizer = load_tokenizer(quick.base_model)  # type: ignore[arg-type]
    reader = Reader(tokenizer, Vocabulary.from_rows(found), calendar, quick, torch.device("cpu"))
    part = reader.part(drawn.rows)
    every = torch.arange(len(part.unit))
    logits = torch.zeros_like(part.trials)
    plain = torch.stack([part.loss(logits[every[i : i + 1]], every[i : i + 1]) for i in every])
    share = torch.tensor(drawn.share, dtype=torch.float32)[part.entry]
    weighed = drawn.weigh(part).loss(logits, every)
    assert float(weighed) == pytest.approx(float((plain * share).sum()), rel=1e-5)
    assert float(share.max()) > 1
