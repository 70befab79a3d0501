"""Worlds that come with promopilot, and files that tell one."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from promopilot.envs.errors import InfeasibleError, MarketError
from promopilot.envs.market import Market
from promopilot.envs.world_recipe import WorldRecipe, read_recipe
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.worlds import WORLDS, named_world, world_place


@pytest.mark.parametrize("name", WORLDS)
def test_every_world_can_be_played(name: str) -> None:
    world = named_world(name)
    assert world.days == 28
    market = Market(world)
    market.reset(0, np.arange(2))
    outcome = market.step(np.full((2, world.catalog.num_line_items), 1.0))
    assert outcome.total("impressions").min() > 0


def test_worlds_are_what_their_names_say() -> None:
    known, uncertain = named_world("known_stationary"), named_world("uncertain")
    assert (known.rates.first_stage.shared_sd == 0).all()
    assert (uncertain.rates.first_stage.shared_sd == 0.5).all()
    assert (uncertain.catalog.num_promotions, len(uncertain.catalog.placement_ids)) == (12, 5)
    assert np.isfinite(named_world("scarce_stock").catalog.stock).all()
    limits = named_world("step_limited").limits
    assert limits is not None
    assert limits.max_step == 0.2
    assert named_world("subsidised").covers == ("spend", "subsidy")
    peak = named_world("holiday_peak").supply.sum(axis=1)
    assert peak[19:24].sum() == pytest.approx(1.5 * peak[12:17].sum(), rel=1e-4)  # a week before


def test_an_unknown_world_is_named_with_its_nearest() -> None:
    with pytest.raises(ConfigError, match="'uncertan'; did you mean uncertain"):
        named_world("uncertan")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"budgets": 5}, r"`\$.budgets` is 5: Extra inputs"),
        ({"budget": -1}, r"`\$.budget` is -1: Input should be greater than 0"),
        ({"laws": {"saturation": "linear"}}, r"`\$.laws.saturation` is 'linear'"),
        ({"promotions": {"a": {"price": 0}}}, r"`\$.promotions.a.price` is 0"),
        ({"max_step": "no"}, r"`\$.max_step` is 'no'"),
    ],
)
def test_a_wrong_value_is_named_with_file_and_key(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    tree = yaml.safe_load(world_place("uncertain").read_text())
    for key, value in change.items():
        if isinstance(value, dict) and key in tree:
            for name, inside in value.items():
                tree[key][name] = (
                    tree[key]["promotion-01"] | inside if isinstance(inside, dict) else inside
                )
        else:
            tree[key] = value
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(tree))
    with pytest.raises(MarketError, match=f"mine.yaml: {told}"):
        read_recipe(path)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(MarketError, match=r"gone.yaml cannot be read: no such file"):
        read_recipe(tmp_path / "gone.yaml")
    (tmp_path / "torn.yaml").write_text("a: [1,")
    with pytest.raises(MarketError, match=r"torn.yaml is no YAML"):
        read_recipe(tmp_path / "torn.yaml")


def test_limits_that_contradict_each_other_are_refused_before_anything_is_played() -> None:
    from dataclasses import replace

    from promopilot.envs.limits import Group, Limits
    from promopilot.envs.views.played import played_world

    world = named_world("uncertain")
    first = world.catalog.promotion == 0
    limits = replace(
        Limits.none(len(first)), groups=(Group("promotion-01", first, min=1e6, max=2e6),)
    )
    with pytest.raises(InfeasibleError, match="promotion-01"):
        played_world(replace(world, limits=limits), None)


def test_a_recipe_has_no_hidden_numbers() -> None:
    """Laws, promotions and placements are told; what may be absent alone has a default."""
    fields = WorldRecipe.model_fields
    assert {name for name, field in fields.items() if not field.is_required()} == {
        "events",
        "max_step",
    }
    laws = fields["laws"].annotation
    assert all(field.is_required() for field in laws.model_fields.values())
