"""How often ranges must hold: the edges between chance and a market that is too sure of itself."""

import pytest
from scipy.stats import binomtest

from promopilot.experiments.backtest.ranges import how_held


@pytest.mark.parametrize(
    ("of", "far", "narrow", "meant"),
    [
        # The most that are far too narrow, too narrow, as meant; None where nothing is.
        (1, None, None, 1),
        (3, 0, None, 3),
        (8, 3, None, 8),
        (12, 6, None, 12),
        (28, 16, 17, 26),
        (30, 17, 18, 28),
        (200, 119, 148, 171),
    ],
)
def test_edges(of: int, far: int | None, narrow: int | None, meant: int) -> None:
    said = [how_held(held, of) for held in range(of + 1)]
    for name, most in (("far too narrow", far), ("too narrow", narrow), ("as meant", meant)):
        assert max((n for n in range(of + 1) if said[n] == name), default=None) == most
    assert said[meant + 1 :] == ["too wide"] * (of - meant)


@pytest.mark.parametrize("of", [5, 28, 60])
def test_as_meant_is_what_a_95_percent_interval_of_chance_allows(of: int) -> None:
    for held in range(of + 1):
        below, above = (
            binomtest(held, of, 0.8, alternative=side).pvalue for side in ("less", "greater")
        )
        assert (how_held(held, of) == "as meant") == (min(below, above) >= 0.025)


def test_two_of_eight_promotions_are_not_made_good_by_many_days() -> None:
    """Pooled, 24 of 28 days and 2 of 8 promotions are 72 %; apart, promotions fail."""
    assert how_held(26, 36) == "as meant"
    assert how_held(2, 8) == "far too narrow"
