"""Targets near the best that limits allow: met where they can be, else refused as asked."""

import re

import pytest

from promopilot.envs.errors import InfeasibleError
from tests.test_limits_judged import FREE, brings, plan_under

MINIMA = {"bounds": [{"promotion": p, "min": 8.0} for p in FREE.catalog.promotion_ids]}
LOCKED = {"locks": [{"promotion": "promotion-0"}], "step": {"max_change": 0.2}}


@pytest.mark.parametrize(
    ("limits", "roas"),
    [(LOCKED, 9.8477), (LOCKED, 9.8174), (MINIMA, 11.9062), (MINIMA, 11.9044)],
)
def test_a_target_that_some_plan_meets_is_planned(limits: dict[str, object], roas: float) -> None:
    # A stricter one on the reference flight is out of reach.
    assert brings(plan_under(limits | {"targets": {"roas": roas}}))["roas"] >= roas - 1e-3


def best_of(limits: dict[str, object], roas: float) -> float:
    """The best attainable that a refusal names, with the target that was asked for."""
    with pytest.raises(InfeasibleError) as told:
        plan_under(limits | {"targets": {"roas": roas}})
    found = re.search(
        r"roas of (\S+) cannot be met: the best attainable .* (\S+)\. L", str(told.value)
    )
    assert found is not None
    assert float(found[1]) == roas
    return float(found[2])


@pytest.mark.parametrize("limits", [MINIMA, LOCKED])
def test_the_best_attainable_does_not_hang_on_what_was_asked(limits: dict[str, object]) -> None:
    found = [best_of(limits, roas) for roas in (12.875, 16.75, 24.5, 1000.0)]
    assert max(found) <= 1.005 * min(found)


def test_a_refusal_names_what_was_asked_and_less_than_that() -> None:
    assert best_of(LOCKED, 9.9688) < 9.9688
