import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from promopilot.predictors import PredictorHost, evaluate, line_item_rows, open_host
from promopilot.predictors.artifact import save_predictor
from promopilot.predictors.dataset import Rows
from promopilot.predictors.host import LocalHost
from promopilot.predictors.hosting import Measures
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.text_vectors import VectorCache

POISON = "beer beer beer"


class Spy(Predictor):
    """Notes what is encoded; fails on one text, as a broken tokenizer would."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__(**vars(predictor))
        object.__setattr__(self, "encoded", [])

    def vectors(self, texts: list[str]) -> torch.Tensor:
        self.encoded.append(list(texts))  # type: ignore[attr-defined]
        if POISON in texts:
            raise ValueError("cannot be read")
        return super().vectors(texts)


@pytest.fixture
def spy(predictor: Predictor) -> Any:
    return Spy(predictor)


def rows_of(*texts: str) -> Rows:
    promotions = pd.DataFrame({"promotion_id": [f"p{i}" for i in range(len(texts))], "text": texts})
    items = pd.DataFrame({"promotion_id": promotions["promotion_id"], "weekday": 0})
    return line_item_rows(promotions, None, None, items)


def at_once(*asks: Callable[[], Prediction]) -> list[Prediction | BaseException]:
    """Calls from a thread each, all started together; returns what each got or was raised."""
    got: list[Prediction | BaseException] = [RuntimeError("never answered")] * len(asks)
    start = threading.Barrier(len(asks))

    def call(place: int) -> None:
        start.wait(10)
        try:
            got[place] = asks[place]()
        except BaseException as error:
            got[place] = error

    threads = [threading.Thread(target=call, args=(place,)) for place in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return got


def test_a_host_answers_as_its_predictor(predictor: Predictor, parts: tuple[Rows, ...]) -> None:
    host: PredictorHost = LocalHost(predictor)
    expected = predictor.predict(parts[2])
    for _ in range(2):  # the second time from the cache
        found = host.predict(parts[2])
        for name, values in vars(expected).items():
            assert getattr(found, name) == pytest.approx(values, rel=1e-6), name
    assert host.spreads == predictor.spreads


def test_a_text_is_encoded_once(spy: Any) -> None:
    host = LocalHost(spy)
    host.predict(rows_of("tea", "10% off soup", "tea"))
    host.predict(rows_of("milk", "tea"))
    assert sorted(text for batch in spy.encoded for text in batch) == [
        "10% off soup",
        "milk",
        "tea",
    ]
    measures = host.measures()
    assert measures == Measures(requests=2, rows=5, texts=4, encoded=3, batches=2, largest_batch=1)
    assert measures.hits == 1


def test_requests_at_one_time_are_encoded_together(spy: Any, predictor: Predictor) -> None:
    host = LocalHost(spy, window=0.3)
    asked = [rows_of("tea", f"{n}% off soup") for n in range(8)]
    got = at_once(*(lambda rows=rows: host.predict(rows) for rows in asked))
    assert len(spy.encoded) == 1
    assert sorted(spy.encoded[0]) == sorted(["tea", *(f"{n}% off soup" for n in range(8))])
    measures = host.measures()
    assert (measures.largest_batch, measures.encoded, measures.hits) == (8, 9, 7)
    for rows, prediction in zip(asked, got, strict=True):
        assert isinstance(prediction, Prediction)
        assert prediction.ctcvr == pytest.approx(predictor.predict(rows).ctcvr, rel=1e-5)


def test_an_error_reaches_only_who_caused_it(spy: Any) -> None:
    host = LocalHost(spy, window=0.3)
    good, bad, other = at_once(
        lambda: host.predict(rows_of("tea")),
        lambda: host.predict(rows_of(POISON)),
        lambda: host.predict(rows_of("milk")),
    )
    assert isinstance(good, Prediction)
    assert isinstance(other, Prediction)
    assert isinstance(bad, ValueError)
    assert isinstance(host.predict(rows_of("soup")), Prediction)  # and nothing is left behind


def test_an_interrupt_leaves_the_others_served(predictor: Predictor) -> None:
    class Interrupted(Spy):
        def vectors(self, texts: list[str]) -> torch.Tensor:
            if not self.encoded:  # type: ignore[attr-defined]
                self.encoded.append(texts)  # type: ignore[attr-defined]
                raise KeyboardInterrupt
            return super().vectors(texts)

    host = LocalHost(Interrupted(predictor), window=0.3)
    got = at_once(*(lambda n=n: host.predict(rows_of(f"{n}% off tea")) for n in range(4)))
    assert sorted(type(one).__name__ for one in got) == ["KeyboardInterrupt", *["Prediction"] * 3]


def test_a_closed_host_refuses(predictor: Predictor) -> None:
    host = LocalHost(predictor)
    host.predict(rows_of("tea"))
    host.close()
    host.close()
    with pytest.raises(RuntimeError, match=r"host is closed: open another with open_host"):
        host.predict(rows_of("tea"))
    assert host.measures().requests == 1


def test_models_that_share_a_cache_do_not_mix(predictor: Predictor) -> None:
    class Other(Spy):
        def vectors(self, texts: list[str]) -> torch.Tensor:
            return super().vectors(texts) + 1.0

    cache = VectorCache()
    shorter = predictor.settings.model_copy(update={"max_tokens": 8})
    first = LocalHost(predictor, cache)
    second = LocalHost(Other(replace(predictor, settings=shorter)), cache)
    again = LocalHost(predictor, cache)
    rows = rows_of("tea")
    one, two = first.predict(rows), second.predict(rows)
    assert not (one.ctcvr == two.ctcvr).all()
    assert (again.predict(rows).ctcvr == one.ctcvr).all()
    assert again.measures().hits == 1


def test_no_rows_are_no_trouble(predictor: Predictor) -> None:
    rows = rows_of("tea")
    nothing = line_item_rows(
        pd.DataFrame({"promotion_id": ["p0"], "text": ["tea"]}),
        None,
        None,
        pd.DataFrame({"promotion_id": pd.Series([], dtype="str"), "weekday": []}),
    )
    host = LocalHost(predictor)
    assert len(host.predict(nothing).ctcvr) == 0
    assert len(host.predict(rows).ctcvr) == 1


def test_a_folder_is_opened(
    predictor: Predictor, quick: PredictorSettings, parts: tuple[Rows, ...], tmp_path: Path
) -> None:
    assert isinstance(quick.base_model, Path)
    save_predictor(predictor, quick.base_model, tmp_path / "model")
    host = open_host(tmp_path / "model", "cpu")
    found = host.predict(parts[2])
    assert found.ctcvr == pytest.approx(predictor.predict(parts[2]).ctcvr, rel=1e-6)


def test_scoring_through_a_host_encodes_no_text_again(
    spy: Any, predictor: Predictor, parts: tuple[Rows, Rows, Rows]
) -> None:
    host = LocalHost(spy)
    host.predict(parts[2])
    assert evaluate(spy, parts[2], predict=host.predict) == evaluate(predictor, parts[2])
    assert len(spy.encoded) == 1
