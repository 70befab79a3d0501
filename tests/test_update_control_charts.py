"""The control charts on the page of an update."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from promopilot.agents.replanner import Replanner
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.experiments.report.control_charts import control_charts
from promopilot.experiments.report.numbers import Numbers
from tests.report.test_report_page import charts
from tests.update_flights import Flight, fly, small_run, told

WORLD = synthetic_world(SyntheticSize(promotions=4, placements=2, segments=1, days=8))


@pytest.fixture(scope="module")
def flight() -> Flight:
    return fly(WORLD, Replanner(WORLD), seed=1)


def updated(folder: Path, flight: Flight, days: int, sold_out: bool = False) -> tuple[Any, str]:
    """`update.json` and the page; a promotion may sell nothing any more."""
    run = small_run(folder / "run", WORLD, Replanner(WORLD))
    rows = flight.export(days)
    if sold_out:
        busy = rows.groupby("promotion_id")["conversions"].sum().idxmax()
        rows.loc[rows["promotion_id"] == busy, "conversions"] = 0
    page = Path(told(run, rows)["folder"])
    html = (page / "update.html").read_text(encoding="utf-8")
    return json.loads((page / "update.json").read_text(encoding="utf-8")), html


def lines_drawn(html: str) -> list[dict[str, Any]]:
    drawn = [chart for chart in charts(html) if chart["layout"]["yaxis"].get("tickvals")]
    assert all(len(chart["data"]) == 1 for chart in drawn)
    return [chart["data"][0] for chart in drawn]


def test_lines_are_those_of_the_file_and_warnings_come_first(
    tmp_path: Path, flight: Flight
) -> None:
    update, html = updated(tmp_path, flight, 5, sold_out=True)
    drawn, lines = lines_drawn(html), update["charts"]["lines"]
    shares = [
        [a / b for a, b in zip(line["average"], line["limit"], strict=True)] for line in lines
    ]
    warned = {(alarm["what"], alarm["id"]) for alarm in update["alarms"]}
    assert warned
    found = [
        next(at for at, s in enumerate(shares) if s == pytest.approx(line["y"], abs=1e-4))
        for line in drawn
    ]
    first = [(lines[at]["what"], lines[at]["id"]) for at in found]
    assert set(first[: len(warned)]) == warned
    colours = ["bad" if each in warned else "accent" for each in first]
    assert [line["line"]["color"] for line in drawn] == colours
    rest = [abs(shares[at][-1]) for at in found[len(warned) :]]
    assert rest == sorted(rest, reverse=True)
    days = [row["date"] for row in update["days"]]
    assert all(line["x"] == days for line in drawn)
    assert len(drawn) == max(6, len(warned))
    assert min(drawn[0]["y"]) < -1  # sold less than foreseen, beyond the limit


def test_the_table_has_every_chart(tmp_path: Path, flight: Flight) -> None:
    update, html = updated(tmp_path, flight, 2)
    lines, last = update["charts"]["lines"], len(update["days"]) - 1
    cells = dict(re.findall(r'data-key="(update:charts\.lines[^"]+)" value="([^"]+)"', html))
    for at, line in enumerate(lines):
        for name in ("average", "limit"):
            assert float(cells[f"update:charts.lines.{at}.{name}.{last}"]) == line[name][last]
    assert len(cells) == 2 * len(lines) == 2 * update["charts"]["law"]["charts"]


def test_a_single_day_is_drawn_as_a_dot(tmp_path: Path, flight: Flight) -> None:
    _, html = updated(tmp_path, flight, 0)
    assert all(len(line["x"]) == 1 and "markers" in line["mode"] for line in lines_drawn(html))


def test_every_warning_is_drawn_and_prices_are_those_of_placements() -> None:
    """More warnings than charts are drawn otherwise; a placement that is named as a promotion."""
    lines = [
        {"what": what, "id": str(at), "average": [3.0 + at], "limit": [1.0]}
        for at in range(4)
        for what in ("conversions", "price")
    ]
    alarms = [
        {key: line[key] for key in ("what", "id")} | {"since": "2024-01-01"} for line in lines
    ]
    update = {
        "days": [{"date": "2024-01-01"}],
        "promotions": [{"promotion_id": str(at), "name": f"Tea {at}"} for at in range(4)],
        "alarms": alarms,
        "charts": {"lines": lines, "law": {"charts": 8, "weight": 0.2}},
    }
    view = control_charts(update, Numbers("EUR"))
    assert len(view["charts"]) == len(view["rows"]) == 8
    named = {(chart.title, str(chart.note)) for chart in view["charts"]}
    assert named == {(f"Tea {at}", "orders") for at in range(4)} | {
        (str(at), "price") for at in range(4)
    }
