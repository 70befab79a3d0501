"""The first screen: what it rests on, and gains told as what they are, in money or per cent."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.report.test_report_page import read

from promopilot.experiments.report import render_report
from promopilot.experiments.report.finished_run import read_run
from promopilot.experiments.report.gain import gain, in_percent, is_base
from promopilot.experiments.report.numbers import Numbers
from promopilot.experiments.report.section import Page

MINUS = "\N{MINUS SIGN}"


def summary(run: Path, language: str = "en") -> str:
    """What is read on the first screen."""
    html = render_report(run, language)  # type: ignore[arg-type]
    return said(html.partition('<section id="summary"')[2].partition("</section>")[0])


def said(html: str) -> str:
    """What is read, figures joined to the words around them."""
    return re.sub(r"(?<=\() | (?=[).,])", "", read(html).text.replace("\N{NO-BREAK SPACE}", " "))


def page(run: Path) -> Page:
    finished = read_run(run)
    return Page(finished, Numbers(finished.world.currency))


# ---- what it rests on ----


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ({}, ""),
        ({"margin": "data", "price": "data"}, ""),
        ({"margin": "assumption: 0.5 (config)"}, "the margin (50 % of the price). Every"),
        ({"margin": "data; assumption: 0.5 (config) where missing"}, "the margin in part."),
        ({"price": "assumption: 10 (config)"}, "the product price ($"),
        ({"price": "estimate: seen; assumption: 10 where missing"}, "product prices in part."),
        (
            {"margin": "assumption: 0.5", "price of a": "5.00 per 1000; assumption: config"},
            "the margin (50 % of the price) and media prices.",
        ),
        ({"price of a": "5; assumption: config", "price of b": "data"}, "media prices in part."),
        ({"supply": "estimate: x 1.5 (assumption: supply_headroom)"}, ""),
    ],
)
def test_what_money_rests_on_and_no_table_holds_is_told_first(
    changed: Callable[..., Path], sources: dict[str, str], told: str
) -> None:
    def replace(document: dict[str, Any]) -> None:
        document.clear()
        document |= sources

    run = changed(market__sources=replace)
    text = summary(run)
    assert ("Assumed, not read from your tables: " in text) == bool(told)
    assert told in text
    if told:  # above every figure of the plan's result
        assert text.index("Assumed, not") < text.index("Net profit against")


# ---- gains ----


@pytest.mark.parametrize(
    ("value", "low", "others", "says"),
    [
        (100.0, 90.0, [110.0], True),
        (100.0, 0.1, [110.0], True),
        (100.0, 0.0, [110.0], False),  # may be nothing
        (100.0, -5.0, [110.0], False),
        (-100.0, -110.0, [50.0], False),
        (5.01, 4.0, [100.0, 20.0], True),
        (5.0, 4.0, [100.0, 20.0], False),  # next to nothing
        (5.0, 4.0, [-100.0], False),
    ],
)
def test_per_cent_are_told_of_what_is_surely_something(
    value: float, low: float, others: list[float], says: bool
) -> None:
    assert is_base(value, low, others) == says


def losing(document: dict[str, Any]) -> None:
    """The current mix loses money: 3,000 less than it brought, in every flight."""
    mix = document["policies"]["current_mix"]
    document["values"]["current_mix"] = [v - 3000.0 for v in document["values"]["current_mix"]]
    mix["value_mean"] -= 3000.0
    mix["value_ci95"] = [end - 3000.0 for end in mix["value_ci95"]]


def test_a_gain_on_a_loss_is_told_in_money_only(changed: Callable[..., Path]) -> None:
    run = changed(simulations=losing)
    made = page(run)
    assert not in_percent(made)
    mix = np.array(made.run.simulations["values"]["current_mix"])
    assert mix.mean() < 0
    more = np.array(made.run.plan_value["values"]) - mix
    found = gain(made)
    assert found.value == pytest.approx(more.mean())
    assert found.low < more.mean() < found.high
    error = more.std(ddof=1) / np.sqrt(len(more))
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    text = summary(run)
    assert f"the plan brings ${more.mean():,.0f} more net profit than the current mix (+$" in text
    assert f"Net profit against the current mix +${more.mean():,.0f} range +$" in text
    assert f"as the current mix brings {MINUS}${-mix.mean():,.0f} net profit." in text
    judged = text.partition("In simulated flights")[2].partition("The interval covers")[0]
    assert not re.search(r"\d %", judged)
    assert "A gain this large" not in text


def test_a_gain_on_nothing_at_all_is_told_in_money_too(changed: Callable[..., Path]) -> None:
    def nothing(document: dict[str, Any]) -> None:
        mix = document["policies"]["current_mix"]
        mix |= {"value_mean": 0.0, "value_ci95": [0.0, 0.0]}
        document["values"]["current_mix"] = [0.0] * len(document["values"]["current_mix"])

    def without(document: dict[str, Any]) -> None:
        for key in [key for key in document if "vs_current_mix" in key]:
            del document[key]

    run = changed(simulations=nothing, plan_value=without)
    value = page(run).run.plan_value["value_as_exported"]
    assert f"the plan brings ${value:,.0f} more net profit than" in summary(run)
    html = render_report(run)
    chart = html.partition('id="chart-plan-value"')[2].partition("</figure>")[0]
    assert f"+${value:,.0f}" in chart
    assert '"tickprefix": "$"' in chart


def test_orders_gained_are_counted_not_priced(make_run: Callable[..., Path]) -> None:
    run = make_run(objective="conversions")
    path = run / "simulations.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    losing(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    text = summary(run)
    assert re.search(r"the plan brings [\d,]+ more orders than the current mix \(\+[\d,]+ to", text)
    assert "$" not in text.partition("In simulated flights")[2].partition("The interval")[0]


def test_a_gain_in_per_cent_of_a_good_base_stays_one(run: Path) -> None:
    made = page(run)
    assert in_percent(made)
    assert gain(made).value == made.run.plan_value["vs_current_mix_pct"]


# ---- policies on fewer flights ----


def rows(html: str) -> dict[str, list[str]]:
    """The table of policies by name."""
    table = html.partition('id="chart-policies"')[2].partition("</table>")[0]
    found = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', table, re.DOTALL)
    return {name: [re.sub("<.*?>", "", c) for c in cells.split("</td>")] for name, cells in found}


def lucky(document: dict[str, Any]) -> None:
    """The flights that only the first policies met were good ones for a policy that met all."""
    figures = document["policies"]
    best = figures["clairvoyant"]
    best["value_all_flights"] = figures["replanner"]["value_mean"] * 1.01
    figures["ppo"] |= {"value_mean": figures["replanner"]["value_mean"] * 1.03}
    figures["ppo"] |= {"pct_of_clairvoyant": 97.5}


def test_means_of_policies_are_of_all_flights_so_that_they_agree_with_differences(
    run: Path,
) -> None:
    made, found = page(run), rows(render_report(run))
    figures = made.run.simulations["policies"]
    base = figures["replanner"]["value_mean"]
    for name, plain in (("mpc", "look-ahead optimiser"), ("ppo", "trained pilot")):
        row = figures[name]
        mean = row.get("value_all_flights", row["value_mean"])
        assert found[plain][1] == f"${mean:,.0f}"
        assert (mean > base) == (row["vs_replanner_pct"] > 0)
        assert found[plain][3].startswith("+")
    assert found["look-ahead optimiser"][2] == "\N{EN DASH}"  # an interval around another mean
    assert found["daily re-optimiser"][3:5] == ["\N{EN DASH}"] * 2


def test_hindsight_stands_first_and_what_seems_to_pass_it_is_explained(
    changed: Callable[..., Path],
) -> None:
    run = changed(simulations=lucky)
    html = render_report(run)
    assert next(iter(rows(html))) == "best possible with hindsight"
    text = read(html).text.replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "That the trained pilot seems to bring more than the best possible with hindsight" in text
    )
    assert "on the flights of both it brings 97.5 % of it" in text


def test_nothing_is_explained_where_nothing_passes_hindsight(run: Path) -> None:
    assert "seems to bring more" not in render_report(run)


def test_a_re_optimiser_that_loses_is_no_base_of_per_cent(changed: Callable[..., Path]) -> None:
    def lose(document: dict[str, Any]) -> None:
        base = document["policies"]["replanner"]
        base |= {"value_mean": -100.0, "value_ci95": [-200.0, 50.0]}

    html = render_report(changed(simulations=lose))
    assert 'id="chart-differences"' not in html
    assert 'id="chart-stress"' not in html
    assert rows(html)["trained pilot"][3] == "\N{EN DASH}"
