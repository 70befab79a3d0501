"""docs/limits.md: every example is read and can be kept, and every key has one."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from promopilot.envs.errors import InfeasibleError
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.experiments.example import PLACEMENTS, PROMOTIONS, SEGMENTS
from promopilot.experiments.limits.apply import limited
from promopilot.experiments.limits.file import LimitsFile, parse_limits
from promopilot.experiments.limits.sample import SAMPLE

TEXT = (Path(__file__).parent.parent / "docs" / "limits.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
# What `init` writes, with every # before a key taken off.
OFFERED = re.sub(r"^( *)# ( *- {| *\w+: *(?:[{[\d#].*)?$)", r"\1\2", SAMPLE, flags=re.MULTILINE)


def shop() -> World:
    """A market with the ids of the shop that `init` makes up, and about its money."""
    sizes = SyntheticSize(len(PROMOTIONS), len(PLACEMENTS), len(SEGMENTS), days=14)
    world = synthetic_world(sizes)
    ids = ([row[0] for row in rows] for rows in (PROMOTIONS, PLACEMENTS, SEGMENTS))
    keys = ("promotion_ids", "placement_ids", "segment_ids")
    names = dict(zip(keys, map(tuple, ids), strict=True))
    scale = 260 / world.current_mix.sum(axis=1).mean()
    return replace(
        world,
        catalog=replace(world.catalog, **names),
        budget=8_000.0,
        current_spend=world.current_spend * scale,
        supply=world.supply * scale,
    )


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_can_be_kept(text: str) -> None:
    world = shop()
    limits = parse_limits(text, "docs/limits.md")
    found = limited(world, limits, ["prior"] * world.catalog.num_line_items)
    changed = found.limits is not None or found.budget != world.budget
    assert changed or limits.blackout


def test_every_key_has_an_example() -> None:
    keys = {re.match(r"\w+", text)[0] for text in EXAMPLES}  # type: ignore[index]
    assert keys == set(LimitsFile.model_fields)
    for key in keys:
        assert f"## {key}\n" in TEXT


def test_what_init_offers_as_comments_is_valid_too() -> None:
    found = parse_limits(OFFERED, "limits.yaml").model_dump(exclude_defaults=True)
    assert found.keys() == LimitsFile.model_fields.keys()
    text = OFFERED.replace("roas: 2.5", "roas: 0.5").replace("min: 900", "min: 450")  # two weeks
    assert limited(shop(), parse_limits(text, "limits.yaml"), ["data"] * 48).limits is not None


def test_the_conflict_shown_is_what_is_said() -> None:
    shown = re.search(r"^> (These limits.*?)\n\n", TEXT, re.MULTILINE | re.DOTALL)
    assert shown is not None
    text = "bounds: [{promotion: pizza-30, min: 50}, {placement: '*', max_share: 0.4}]"
    world = replace(shop(), start=np.datetime64("2025-05-06").item())
    with pytest.raises(InfeasibleError) as told:
        limited(world, parse_limits(text, "limits.yaml"), ["data"] * 48)
    assert str(told.value) == shown[1].replace("\n> ", " ")
