import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.predictors.cells import Cells
from promopilot.predictors.counts import StageCounts
from promopilot.predictors.dataset import Rows, rows_from_tables
from promopilot.predictors.maturity import DELAYS, matured_share
from promopilot.predictors.settings import PredictorSettings

PROMOTIONS = pd.DataFrame({"promotion_id": ["p", "q"], "text": ["one", "two"]})


def rows_of(**columns: object) -> Rows:
    table = pd.DataFrame({"date": pd.Timestamp("2024-01-01"), "promotion_id": "p"} | columns)
    return rows_from_tables(PROMOTIONS, None, None, table, PredictorSettings())


def test_absent_labels_say_nothing() -> None:
    rows = rows_of(
        impressions=[100, 100, 100],
        clicks=[10, np.nan, 20],
        conversions=[2, 3, np.nan],
        placement_id=["a", "b", "c"],
    )
    assert rows.stages == ("ctr", "cvr")
    counts = StageCounts.of(rows)
    assert counts.trials.tolist() == [[100, 10], [0, 0], [100, 0]]
    assert counts.successes.tolist() == [[10, 2], [0, 0], [20, 0]]
    # Without clicks the product is all that is known.
    assert counts.whole_trials.tolist() == [0, 100, 0]
    assert counts.whole_successes.tolist() == [0, 3, 0]
    assert counts.last_trials.tolist() == [100, 100, 0]
    both = StageCounts.of(rows, entire_space=0.5)
    assert both.whole_trials.tolist() == [50, 100, 0]


@pytest.mark.parametrize(
    ("columns", "stages", "trials"),
    [
        ({"clicks": [7]}, ("ctr",), [[100.0]]),
        ({"conversions": [7]}, ("ctcvr",), [[100.0]]),
        ({"clicks": [7], "conversions": [2]}, ("ctr", "cvr"), [[100.0, 7.0]]),
    ],
)
def test_the_stages_are_those_recorded(
    columns: dict[str, list[int]], stages: tuple[str, ...], trials: list[list[float]]
) -> None:
    rows = rows_of(impressions=[100], **columns)
    assert rows.stages == stages
    assert StageCounts.of(rows).trials.tolist() == trials
    assert rows.events.tolist() == [columns.get("conversions", columns.get("clicks"))[0]]  # type: ignore[index]


def test_conversions_still_to_come_are_no_failures() -> None:
    rows = rows_of(
        impressions=[1000, 1000],
        clicks=[100, 100],
        conversions=[5, 9],
        placement_id=["a", "b"],
        as_of=[pd.Timestamp("2024-01-02"), pd.Timestamp("2024-03-01")],
    )
    counts = StageCounts.of(rows)
    assert counts.trials[:, 0].tolist() == [1000, 1000]
    share = matured_share(np.array([1]))[0]
    assert counts.trials[:, 1] == pytest.approx([100 * share, 100], rel=1e-4)


def test_more_conversions_than_were_expected_by_now_are_still_possible() -> None:
    rows = rows_of(
        impressions=[100], clicks=[20], conversions=[12], as_of=[pd.Timestamp("2024-01-01")]
    )
    counts = StageCounts.of(rows)
    assert rows.matured[0] < 0.5
    assert counts.trials[0].tolist() == [100, 12]
    assert (counts.successes <= counts.trials).all()


def test_a_reading_that_takes_impressions_back_counts() -> None:
    rows = rows_of(
        impressions=[1000, 0, 10],
        clicks=[50, 0, 1],
        placement_id=["a", "a", "b"],
        as_of=[pd.Timestamp(f"2024-01-0{day}") for day in (2, 9, 9)],
    )
    assert rows.impressions.tolist() == [10]


def test_the_latest_reading_counts() -> None:
    rows = rows_of(
        impressions=[10, 10],
        clicks=[4, 4],
        conversions=[1, 3],
        as_of=[pd.Timestamp("2024-01-20"), pd.Timestamp("2024-01-05")],
    )
    assert rows.conversions is not None
    assert rows.conversions.tolist() == [1]


def test_the_matured_share_is_the_delay_s_distribution() -> None:
    share = matured_share(np.arange(60))
    assert (np.diff(share) > 0).all()
    assert 0 < share[0] < share[-1] < 1
    assert matured_share(np.array([-3]))[0] == share[0]
    # Impressions evenly over the day, read at the end of a later one.
    ages = 24 * (3 + (np.arange(10_000) + 0.5) / 10_000)
    seen = 1 - sum(weight * np.exp(-ages / hours) for weight, hours in DELAYS)
    assert share[3] == pytest.approx(seen.mean(), abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 500), st.integers(0, 20), st.integers(0, 5)),
        min_size=1,
        max_size=30,
        unique_by=lambda row: row[0],
    )
)
def test_cells_keep_the_sums_and_the_expected_events(
    days: list[tuple[int, int, int, int]],
) -> None:
    shown = [n for _, n, _, _ in days]
    clicks = [min(k, n) for _, n, k, _ in days]
    rows = rows_of(
        date=[pd.Timestamp("2024-01-01") + pd.Timedelta(days=d) for d, *_ in days],
        impressions=shown,
        clicks=clicks,
        conversions=[min(m, k) for k, (*_, m) in zip(clicks, days, strict=True)],
    )
    offset = np.random.default_rng(0).normal(-9, 0.5, (len(rows), 2))
    cells = Cells.of(rows, StageCounts.of(rows), offset)
    assert len(cells.rows) == len(np.unique(rows.weekday))
    assert cells.counts.trials.sum(axis=0).tolist() == [sum(shown), sum(clicks)]
    # Small rates: the cells expect the events that their days do, whatever the network adds.
    for shift in (0.0, 1.0):
        days_expect = (StageCounts.of(rows).trials * np.exp(offset + shift)).sum(axis=0)
        cells_expect = (cells.counts.trials * np.exp(cells.offset + shift)).sum(axis=0)
        assert cells_expect == pytest.approx(days_expect, rel=1e-9)
