"""The report's limits: plain words for all of them in both languages, what they do and cost."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from promopilot.envs.limits import Group, Limits
from promopilot.envs.synthetic import synthetic_world
from promopilot.envs.target import Target
from promopilot.envs.world import World
from promopilot.experiments.limits.file import Bound, GroupLimit
from promopilot.experiments.limits.select import name_of
from promopilot.experiments.plan.binding import LEAST_KINDS, Kind
from promopilot.experiments.plan.reasons import Row, reason
from promopilot.experiments.progress import silent
from promopilot.experiments.report import limits, scenario
from promopilot.experiments.report.finished_run import FinishedRun
from promopilot.experiments.report.language import speaking
from promopilot.experiments.report.limit_costs import costs
from promopilot.experiments.report.limit_effects import effect
from promopilot.experiments.report.numbers import Numbers
from promopilot.experiments.report.said import said, untold
from promopilot.experiments.report.section import Page
from promopilot.experiments.scenarios import limit_costs as costing
from promopilot.experiments.scenarios.limit_costs import write_limit_costs
from promopilot.experiments.scenarios.touched import budget_limit, maxima
from promopilot.experiments.scenarios.touched_own import own_limits
from tests.test_scenarios import SIZE, planner_of

WORLD = synthetic_world(SIZE)
WORLD = WORLD.with_budget(round(WORLD.budget / 3, 2))
LATIN = re.compile(r"[A-Za-z]{3,}")
KINDS = [kind for kind in Kind if kind not in (Kind.NONE, Kind.TARGET)]
# Kinds whose rows bear the name that the analyst's own entry has.
NAMED = (Kind.ROOM, Kind.GROUP_LEAST, Kind.GROUP_MOST)


def written(kind: Kind) -> str:
    """What plan.csv says in `binding_limit`."""
    if kind in NAMED:
        return "promotion a-1"
    return "step" if kind == Kind.STEP_DOWN else kind.value


def row_of(kind: Kind, planned: float = 12.0, *, learnt: bool = True) -> Row:
    return Row(
        planned=planned,
        current=10.0,
        at_planned=0.8 if kind in LEAST_KINDS else 1.8,
        at_current=1.4,
        mix=1.2,
        gaining=2.0,
        kind=kind,
        limit=written(kind),
        learnt=learnt,
        day_gets=0.0,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("planned", [12.0, 10.0, 8.0])
@pytest.mark.parametrize("learnt", [True, False])
def test_reasons_tell_what_a_limit_does(kind: Kind, planned: float, learnt: bool) -> None:
    why = reason(row_of(kind, planned, learnt=learnt), "profit", 1.0)
    expected = "keeps" if kind in LEAST_KINDS else "locks" if kind == Kind.LOCK else "stops"
    assert effect(written(kind), why) == expected


def page_of(rows: list[tuple[str, str]], folder: Path) -> Page:
    """A page whose plan has a row for each `binding_limit` and reason, and one that is free."""
    plan = pd.DataFrame([*rows, ("", "lowered: x")], columns=["binding_limit", "reason"])
    plan = plan.assign(planned_budget=2.0, marginal_poas=1.5)
    run = SimpleNamespace(path=folder, world=WORLD, plan=plan)
    return Page(cast(FinishedRun, run), Numbers("USD"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_limit_has_plain_words_in_both_languages(kind: Kind, tmp_path: Path) -> None:
    name = written(kind)
    page = page_of([(name, reason(row_of(kind), "profit", 1.0))], tmp_path)
    ((told, *_),) = limits.section(page).view["rows"]
    assert kind in NAMED or told == limits.LIMITS[name] != name
    with speaking("zh"):
        view = limits.section(page).view
    assert not LATIN.search(str(view["rows"][0][0]).replace("a-1", ""))
    assert not LATIN.search(re.sub("<.*?>", "", str(view["rows"][0][4])))


@pytest.mark.parametrize("name", ["target ROAS", "target CPA"])
def test_targets_have_plain_words(name: str) -> None:
    assert name in limits.LIMITS


def test_minima_do_not_count_as_limits_that_stop_money(tmp_path: Path) -> None:
    rows = [
        ("own maximum", "raised: at its cap"),
        ("own minimum", "held: at its minimum"),
        ("promotion a-1", "raised: at its minimum (promotion a-1)"),
        ("lock", "held: locked"),
        ("step", "raised: its promotion may not rise faster"),
        ("step", "lowered: its promotion may not fall faster"),
    ]
    view = limits.section(page_of(rows, tmp_path)).view
    effects = {row[0]: row[4] for row in view["rows"]}
    assert effects["the line item's own maximum"] == "stops more money"
    assert effects["the line item's own minimum"] == "keeps money there"
    assert effects["promotion a-1"] == "keeps money there"
    assert effects["locked: spends what it does today"] == "keeps it as it is today"
    assert effects["the largest change from day to day"].endswith("or keeps money there")
    note = re.sub("<.*?>", "", str(view["note"]))
    assert "For 2 of 7 rows" in note
    assert "3 rows have money because a limit asks for it" in note
    assert "1 row is locked" in note


def names() -> Iterator[str]:
    """What limits are called: the budget's, the market's, and the analyst's own of every kind."""
    catalog = WORLD.catalog
    items = len(catalog.promotion)
    first = np.asarray(catalog.promotion == 0)
    spend = np.full((WORLD.days, items), 10.0)
    yield budget_limit(WORLD).name
    for most in (np.full(items, 10.0), np.where(first, 10.0, np.inf)):
        capped = replace(WORLD, per_day_max=spend[0].sum(), max_spend=most)
        yield from (one.name for one in maxima(capped, spend))
    keys: list[dict[str, str]] = [
        *({"promotion": "a-1"}, {"placement": "b*"}, {"segment": "c"}, {}, {"line_item": "a/b/c"}),
        *({"promotion": "a-1", "placement": "b*"}, {"promotion": "a-1", "segment": "c"}),
        *({"placement": "b", "segment": "c"}, {"promotion": "a", "placement": "b", "segment": "c"}),
    ]
    kinds = ("promotions", "placements", "segments")
    entries = [
        *(Bound.model_validate(one | {"max": 1}) for one in keys),
        *(GroupLimit.model_validate({kind: ["a", "b"], "max": 1}) for kind in kinds),
    ]
    groups = []
    for entry in entries:
        for whole in (False, True):
            amount = float(spend[:, first].sum()) if whole else float(spend[0, first].sum())
            share = float(first.mean())
            told = name_of(entry)
            groups.append(
                Group(told, first, min=amount, max=amount, max_share=share, whole_flight=whole)
            )
            words = tuple(
                f"{end:g} times what it spends now{' in all' * whole}" for end in (0.5, 2)
            )
            groups.append(Group(told, first, min=amount, max=amount, words=words))
    own = Limits(
        min_spend=np.full(items, 10.0),
        locked=first,
        explored=~first,
        groups=tuple(groups),
        max_step=0.2,
        exploration=0.05,
        min_change=0.05,
    )
    bound = replace(WORLD, limits=own)
    for aim in (Target(roas=2.5), Target(cpa=7.0)):
        yield from (one.name for one in own_limits(bound, spend, aim))


def test_every_limit_that_can_cost_is_said_in_chinese() -> None:
    told = set(names())
    assert len(told) > 60
    assert [name for name in told if untold(name, "zh")] == []
    with speaking("zh"):
        bare = {name: re.sub(r"ROAS|CPA|promotion-\d|a-1|a/b/c", "", said(name)) for name in told}
    assert [name for name, text in bare.items() if LATIN.search(text)] == []


def capped() -> World:
    group = Group("promotion a-1", np.asarray(WORLD.catalog.promotion == 0), max=1.0)
    none = Limits.none(WORLD.catalog.num_line_items)
    return replace(WORLD, limits=replace(none, groups=(group,)))


def test_the_section_tells_what_limits_cost_as_the_file_has_it(tmp_path: Path) -> None:
    write_limit_costs(planner_of(capped()), tmp_path, silent)
    document = json.loads((tmp_path / "limit_costs.json").read_text(encoding="utf-8"))
    shown = costs(page_of([("own maximum", "raised: at its cap")], tmp_path))
    assert len(shown.rows) == len(document["limits"]) > 0
    for row, kept in zip(shown.rows, document["limits"], strict=True):
        cost = re.search(r'data-key="limit_costs:limits\.\d\.cost" value="([^"]+)"', str(row[1]))
        assert cost is not None
        assert float(cost[1]) == kept["cost"]
    assert any("Promotion a-1 may spend at most 1 a day" in str(row[0]) for row in shown.rows)


def test_where_costs_are_absent_the_page_says_how_to_get_them(tmp_path: Path) -> None:
    shown = costs(page_of([], tmp_path))
    assert shown.rows == ()
    (note,) = shown.notes
    assert "<code>promopilot scenarios RUN</code>" in note
    with speaking("zh"):
        (note,) = costs(page_of([], tmp_path)).notes
    assert "<code>promopilot scenarios RUN</code>" in note


def test_a_market_too_large_to_price_its_limits_is_left_to_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costing, "_MANY_CELLS", 1)
    write_limit_costs(planner_of(capped()), tmp_path, silent)
    assert list(tmp_path.iterdir()) == []
    write_limit_costs(planner_of(WORLD), tmp_path, silent)  # its budget alone costs little time
    assert (tmp_path / "limit_costs.json").is_file()


def sentence(promotions: int, placements: int, segments: int, funded: int) -> tuple[str, str]:
    """The report's first sentence in both languages."""
    catalog = SimpleNamespace(
        promotion_ids=list(range(promotions)),
        placement_ids=list(range(placements)),
        segment_ids=list(range(segments)),
    )
    world = SimpleNamespace(catalog=catalog, dates=WORLD.dates, budget=10.0)
    plan = pd.DataFrame(
        [(str(p), str(q)) for p in range(funded) for q in range(min(placements, funded))],
        columns=["promotion_id", "placement_id"],
    ).assign(planned_budget=1.0)
    run: dict[str, Any] = {"world": world, "plan": plan, "total": {"planned_budget": 9.0}}
    run["simulations"] = {"recommended": "replanner"}
    page = Page(cast(FinishedRun, SimpleNamespace(**run)), Numbers("USD"))
    bare = []
    for language in ("en", "zh"):
        with speaking(language):  # type: ignore[arg-type]
            bare.append(re.sub("<.*?>", "", str(scenario._sentence(page))))
    return bare[0], bare[1]


@pytest.mark.parametrize(
    ("sizes", "english", "chinese"),
    [
        ((3, 1, 1, 3), "on all 3 promotions in the one placement for 1 segment", "唯一的版位"),
        ((1, 2, 2, 1), "on the one promotion in 1 of 2 placements for 2 segments", "唯一的促销"),
        ((5, 2, 1, 2), "on 2 of 5 promotions in all 2 placements for 1 segment", "全部 2 个版位"),
        ((4, 3, 1, 0), "on 0 of 4 promotions in 0 of 3 placements", "4 个促销中的 0 个"),
    ],
)
def test_one_of_a_kind_is_said_as_one(
    sizes: tuple[int, int, int, int], english: str, chinese: str
) -> None:
    en, zh = sentence(*sizes)
    assert english in en
    assert chinese in zh
