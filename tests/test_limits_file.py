"""limits.yaml: what may be written, what each mistake is told, and which line items are meant."""

from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest

from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.limits.file import (
    Bound,
    GroupLimit,
    LimitsFile,
    Step,
    parse_limits,
    read_limits,
)
from promopilot.experiments.limits.sample import SAMPLE
from promopilot.experiments.limits.select import chosen, line_item_ids, name_of

CATALOG = synthetic_world(SyntheticSize(promotions=3, placements=2, segments=2, days=1)).catalog
CONTRACT = """
budget: {total: 50000, per_day: {max: 4000}, covers: [spend]}
bounds: [{promotion: pizza-30, min: 100, max: 900}, {placement: "mailer-*", max_share: 0.4},
  {segment: low, relative: [0.7, 1.3]}]
locks: [{promotion: milk-0}]
groups: [{promotions: [a, b], max: 2000}]
step: {max_change: 0.2, min_change: 0.05}
targets: {roas: 2.5}
exploration: 0.05
blackout: [{dates: [2017-12-24, 2017-12-25], placement: email}]
"""


def test_every_key_is_read() -> None:
    found = parse_limits(CONTRACT, "limits.yaml")
    assert (found.budget.total, found.budget.per_day.max) == (50_000, 4_000)
    assert found.budget.covers == ("spend",)
    assert (found.bounds[0].promotion, found.bounds[0].min, found.bounds[0].max) == (
        *("pizza-30", 100, 900),
    )
    assert (found.bounds[1].max_share, found.bounds[2].relative) == (0.4, (0.7, 1.3))
    assert found.locks[0].promotion == "milk-0"
    assert (found.groups[0].promotions, found.groups[0].max) == (("a", "b"), 2_000)
    assert (found.step.max_change, found.step.min_change) == (0.2, 0.05)
    assert (found.targets.roas, found.exploration) == (2.5, 0.05)
    assert [day.isoformat() for day in found.blackout[0].days] == ["2017-12-24", "2017-12-25"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "bounds:\nlocks:\n", "{}"])
def test_a_file_without_entries_limits_nothing(text: str) -> None:
    assert parse_limits(text, "limits.yaml").model_dump() == LimitsFile().model_dump()


def test_what_init_writes_limits_the_step_alone() -> None:
    found = parse_limits(SAMPLE, "limits.yaml")
    assert found.model_dump() == LimitsFile(step=Step(max_change=0.2)).model_dump()


def test_a_range_of_days_includes_both_ends() -> None:
    found = parse_limits("blackout: [{from: 2024-02-28, to: 2024-03-01}]", "limits.yaml")
    assert [day.day for day in found.blackout[0].days] == [28, 29, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bound: []", "unknown key `$.bound`; did you mean `bounds`?"),
        ("bounds: [{promtion: a, max: 3}]", "`$.bounds[0].promtion`; did you mean `promotion`?"),
        ("blackout: [{frm: 2017-01-01}]", "`$.blackout[0].frm`; did you mean `from`?"),
        ("targets: {roi: 3}", "`$.targets.roi`; did you mean `roas`?"),
        ("bounds: [{promotion: 12, max: 3}]", "put an id that looks like a number in quotes: '12'"),
        ("bounds: [{promotion: a}]", "it limits nothing: give min, max, max_share or relative"),
        ("bounds: [{promotion: a, min: 3, max: 2}]", "its min of 3 is above its max of 2"),
        ("bounds: [{promotion: a, max: -1}]", "`$.bounds[0].max` is -1"),
        ("bounds: [{promotion: a, max_share: 40}]", "`$.bounds[0].max_share` is 40"),
        ("bounds: [{promotion: a, relative: [1]}]", "`$.bounds[0].relative` is [1]"),
        ("bounds: [{promotion: a, relative: [2, 1]}]", "must not be above the second"),
        ("bounds: [{promotion: a, max: 3, per: week}]", "it must be 'day' or 'flight'"),
        ("bounds: {promotion: a, max: 3}", "Expected `array`, got `object` - at `$.bounds`"),
        ("locks: [{}]", "it locks nothing"),
        ("groups: [{max: 2}]", "it names nothing: give promotions, placements or segments"),
        ("groups: [{promotions: [a]}]", "it limits nothing: give min, max or max_share"),
        ("groups: [{promotions: a, max: 2}]", "Expected `array | null`, got `str`"),
        ("step: {max_change: 20%}", "Expected `float | null`, got `str` - at `$.step.max_change`"),
        ("targets: {roas: 2, cpa: 3}", "give roas or cpa, not both"),
        ("exploration: 5", "`$.exploration` is 5"),
        ("exploration: .nan", "`$.exploration` in limits.yaml is nan"),
        ("blackout: [{dates: [2017-12-33]}]", "`$.blackout[0].dates[0]` is '2017-12-33'"),
        ("blackout: [{placement: a}]", "give either dates or from and to"),
        ("blackout: [{from: 2017-01-01}]", "give both from and to; a single day goes into dates"),
        ("blackout: [{from: 2017-01-02, to: 2017-01-01}]", "from 2017-01-02 is after to"),
        ("budget: {covers: [subsidy]}", "it must be [spend] or [spend, subsidy]"),
        ("budget: {total: '5,000'}", "Expected `float | null`, got `str` - at `$.budget.total`"),
        ("- a", "limits.yaml is not a mapping of keys to values but array"),
        ("bounds: [", "limits.yaml, line 1, column 10"),
        ("bounds: []\nbounds: []", "the key 'bounds' is given twice"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_rule(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse_limits(text, "limits.yaml")
    assert message in str(told.value)
    assert "limits.yaml" in str(told.value)


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the limits .*none\.yaml: no such file"):
        read_limits(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"cannot read the limits .*: is a directory"):
        read_limits(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("# größer\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"are not UTF-8 text \(byte 4\)"):
        read_limits(tmp_path / "latin.yaml")
    (tmp_path / "bom.yaml").write_text("exploration: 0.1", encoding="utf-8-sig")
    assert read_limits(tmp_path / "bom.yaml").exploration == 0.1


@pytest.mark.parametrize(
    ("entry", "fits", "name"),
    [
        ({"promotion": "promotion-1"}, "promotion-1/*/*", "promotion promotion-1"),
        ({"placement": "*-0"}, "*/placement-0/*", "placement *-0"),
        ({"line_item": "promotion-?/placement-1/*"}, "*/placement-1/*", None),
        ({"line_item": "promotion-2/placement-1/segment-0"}, "*-2/*-1/*-0", None),
        (
            {"promotion": "promotion-1", "segment": "segment-0"},
            "promotion-1/*/segment-0",
            "promotion promotion-1 in segment segment-0",
        ),
        ({}, "*", "everything together"),
    ],
)
def test_line_items_are_those_that_all_keys_agree_on(
    entry: dict[str, str], fits: str, name: str | None
) -> None:
    bound = Bound(max=1.0, **entry)  # type: ignore[arg-type]
    expected = [fnmatchcase(one, fits) for one in line_item_ids(CATALOG)]
    np.testing.assert_array_equal(chosen(bound, CATALOG, "limits.yaml", "$"), expected)
    assert name in (None, name_of(bound))


def test_a_group_means_all_that_it_names() -> None:
    group = GroupLimit(promotions=("promotion-0", "promotion-2"), max=1.0)
    found = chosen(group, CATALOG, "limits.yaml", "$")
    np.testing.assert_array_equal(found, CATALOG.promotion != 1)
    assert name_of(group) == "the group of promotions promotion-0, promotion-2"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"promotion": "promotoin-1"},
            "limits.yaml: `$.bounds[0].promotion` is 'promotoin-1': no promotion of the flight "
            "has that id; nearest: promotion-1",
        ),
        (
            {"placement": "mailer*"},
            "`$.bounds[0].placement` is 'mailer*': no placement of the flight fits; there are: "
            "placement-0, placement-1",
        ),
        (
            {"line_item": "promotion-0/placement-0"},
            "no line item of the flight has that id; nearest: promotion-0/placement-",
        ),
        (
            {"promotion": "promotion-1", "line_item": "promotion-2/*"},
            "no line item of the flight is in promotion promotion-1 in line item promotion-2/*",
        ),
    ],
)
def test_what_the_flight_has_not_is_told_with_the_nearest(
    entry: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as told:
        chosen(Bound(max=1.0, **entry), CATALOG, "limits.yaml", "$.bounds[0]")  # type: ignore[arg-type]
    assert message in str(told.value)
