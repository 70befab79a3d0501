import dataclasses
import json

import numpy as np
import pytest

from promopilot.predictors.dataset import Rows
from promopilot.predictors.vocabulary import Vocabulary

NO_OFFSET = np.zeros((1, 2))


def test_names_of_the_fit_have_an_index_and_strangers_have_zero(
    parts: tuple[Rows, Rows, Rows],
) -> None:
    train = parts[0]
    vocabulary = Vocabulary.from_rows(train)
    features = vocabulary.features(train, NO_OFFSET)
    assert set(features.placement) == {1, 2, 3}
    assert set(features.segment) == {1, 2}
    assert set(features.group) == {1, 2, 3, 4, 5}
    assert not features.is_new_text.any()
    stranger = dataclasses.replace(
        train,
        placement_ids=("front", "roof", "shelf"),
        promotions=dataclasses.replace(
            train.promotions,
            group_id=np.array(["cars"] * 20, dtype=object),
            text=np.array(["A new car"] * 20, dtype=object),
        ),
    )
    seen = vocabulary.features(stranger, NO_OFFSET)
    assert set(seen.placement[stranger.placement == 1]) == {0}
    assert 0 not in seen.placement[stranger.placement != 1]
    assert set(seen.group) == {0}
    assert seen.is_new_text.all()
    assert seen.texts == ["A new car"]


def test_each_distinct_text_stands_once(parts: tuple[Rows, Rows, Rows]) -> None:
    train = parts[0]
    features = Vocabulary.from_rows(train).features(train, NO_OFFSET)
    assert len(features.texts) == len(set(features.texts)) == 20
    by_row = np.array(features.texts, dtype=object)[features.text]
    assert (by_row == train.promotions.text[train.promotion]).all()


def test_what_is_missing_is_zero_and_flagged(parts: tuple[Rows, Rows, Rows]) -> None:
    train = parts[0]
    vocabulary = Vocabulary.from_rows(train)
    gone = dataclasses.replace(
        train, promotions=dataclasses.replace(train.promotions, discount=np.full(20, np.nan))
    )
    numeric = vocabulary.features(gone, NO_OFFSET).numeric
    assert (numeric[:, 0] == 0).all()
    assert (numeric[:, 1] == 1).all()
    assert (numeric[:, 3] == 0).all()
    assert np.isfinite(Vocabulary.from_rows(gone).features(train, NO_OFFSET).numeric).all()


def test_it_survives_json(parts: tuple[Rows, Rows, Rows]) -> None:
    vocabulary = Vocabulary.from_rows(parts[0])
    assert Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json()))) == vocabulary


@pytest.mark.parametrize("lost", ["groups", "discount"])
def test_a_lost_key_is_an_error(parts: tuple[Rows, Rows, Rows], lost: str) -> None:
    value = json.loads(json.dumps(Vocabulary.from_rows(parts[0]).to_json()))
    del value[lost]
    with pytest.raises(KeyError, match=lost):
        Vocabulary.from_json(value)
