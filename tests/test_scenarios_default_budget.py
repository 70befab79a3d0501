"""The budget that nobody states, by the config and by limits.yaml, through the market's builder."""

from pathlib import Path

import pytest

from promopilot.envs.market import Market
from promopilot.envs.world import World
from promopilot.experiments.config import make_config
from promopilot.experiments.dates import resolve_dates
from promopilot.experiments.limits.beforehand import check_beforehand
from promopilot.experiments.scenarios.planner import open_planner
from promopilot.experiments.world_builder import build_world
from tests.test_scenarios import write_scenario_run
from tests.test_world_builder import START, Fixed, tables

COVERS = {"spend": "[spend]", "spend_and_subsidy": "[spend, subsidy]"}
# More media than the current mix spends, of a promotion without a discount.
MINIMUM = "bounds: [{promotion: b, min: 90}]\n"


def built(path: Path, text: str = "", **budget: object) -> World:
    """The market of a run as the command makes it, its limits looked at beforehand."""
    path.write_text(text, encoding="utf-8")
    sections = {"limits": {"file": str(path)}, "budget": budget}
    config = make_config({"flight": {"start": START.isoformat(), "days": 7}} | sections)
    given = tables()
    dates = resolve_dates(config, given.performance)
    check_beforehand(given, config, dates)
    return build_world(given, Fixed(), config, dates).world  # type: ignore[arg-type]


@pytest.mark.parametrize("config", COVERS)
@pytest.mark.parametrize("limits", COVERS)
@pytest.mark.parametrize("more", ["", MINIMUM])
def test_the_same_wish_is_the_same_budget_in_either_file(
    tmp_path: Path, config: str, limits: str, more: str
) -> None:
    path = tmp_path / "limits.yaml"
    if more and limits == "spend":
        more = MINIMUM.replace("90", "40")
    said = built(path, f"{more}budget: {{covers: {COVERS[limits]}}}", covers=config)
    meant = built(path, more, covers=limits)
    assert (said.budget, said.covers) == (meant.budget, meant.covers)


def test_the_default_pays_for_the_current_mix_and_its_discounts(tmp_path: Path) -> None:
    """Played day by day, the mix with its discounts takes about that money."""
    path = tmp_path / "limits.yaml"
    world = built(path, "budget: {covers: [spend, subsidy]}")
    market = Market(built(path), expected=True)  # pays for media, so that nothing is cut off
    market.reset_to_mean()
    spent = 0.0
    while not market.done:
        outcome = market.step(market.world.current_mix[market.day][None])
        spent += float((outcome.total("spend") + outcome.total("subsidy"))[0])
    assert spent > 1.1 * market.world.budget
    assert world.budget == pytest.approx(spent, rel=0.1)


@pytest.mark.parametrize(
    ("config", "text", "budget"),
    [
        ({"total": 500}, "budget: {covers: [spend, subsidy]}", 500),
        ({}, "budget: {covers: [spend, subsidy], total: 450}", 450),
        ({"total": 500}, "budget: {total: 450}", 450),
        ({}, "step: {max_change: 0.2}", 560),
    ],
)
def test_a_total_that_is_stated_stays(
    tmp_path: Path, config: dict[str, object], text: str, budget: float
) -> None:
    assert built(tmp_path / "limits.yaml", text, **config).budget == pytest.approx(budget)


def test_a_budget_that_is_asked_for_is_not_taken_for_the_default(tmp_path: Path) -> None:
    """Of a run whose limits cover discounts, `scenarios` may be asked for just the mix's media."""
    free, path = built(tmp_path / "limits.yaml"), tmp_path / "limits.yaml"
    run = write_scenario_run(tmp_path / "run", free)
    text = "{step: {max_change: 0.9}, budget: {covers: [spend, subsidy]}}"
    path.write_text(text, encoding="utf-8")
    planner = open_planner(run, limits=path)
    assert planner.world.budget > 1.1 * free.budget
    for budget in (free.budget, planner.world.budget):
        assert planner.world_of(budget).budget == budget
