"""The page of an evaluation: self-contained, in plain words, every figure that of `ope.json`."""

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from plotly.graph_objects import Figure

from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.report import words
from promopilot.experiments.report.evaluation_page import About, render_evaluation
from tests.ope_evaluations import KINDS, VERDICTS, evaluation

ABOUT = About(Inputs(Path("decisions.csv"), "new.csv"), OpeSettings(), 7)
# What no analyst should have to read.
JARGON = ("ESS", "propensity", "bootstrap", "Pareto", "nan", "None", "q", "slate", "IPW", "SLOPE")
SELECTION = {
    "confidence": 0.95,
    "replicates": 1000,
    "rows": 4000,
    "logged_value": 0.24,
    "candidates": [
        {
            "policy": name,
            "estimator": "dr",
            "estimate": 0.24 + gain,
            "ci95": [0.2, 0.3],
            "gain": gain,
            "gain_interval": [gain - 0.05, gain + 0.05],
            "gain_interval_alone": [gain - 0.03, gain + 0.03],
            "may_be_best": gain > 0,
            "verdict": verdict,
            "ahead_of_others": gain,
            "ahead_interval": [0.0, gain + 0.1],
        }
        for name, gain, verdict in (
            ("<i>bold</i>", 0.08, "ship"),
            ("careful", -0.01, "test_first"),
        )
    ],
    "best": "<i>bold</i>",
    "may_be_best": ["<i>bold</i>"],
    "recommended": "<i>bold</i>",
    "verdict": "ship",
    "text": "<i>bold</i> has the evidence to switch at once.",
}


class Page(HTMLParser):
    """What is read outside the appendix, and every figure with the place of its raw value."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.ids, self.links, self.tags = "", [], [], []
        self.figures: dict[str, float] = {}
        self._hidden, self._open = 0, []
        self.feed(html)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if tag == "a" else []
        if "data-key" in given:
            self.figures[str(given["data-key"])] = float(str(given["value"]))
        if tag in ("meta", "link"):
            return
        self._open.append(tag)
        if self._hidden or tag in ("script", "style") or given.get("id") == "provenance":
            self._hidden += 1

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self._hidden = max(self._hidden - 1, 0)

    def handle_data(self, data: str) -> None:
        self.text += "" if self._hidden else f" {data}"


def charts(html: str) -> list[dict[str, Any]]:
    found = re.findall(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    return [json.loads(text) for text in found]


def strings(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for value in node.values() for text in strings(value)]
    if isinstance(node, list):
        return [text for value in node for text in strings(value)]
    return [node] if isinstance(node, str) else []


def one_page(result: dict[str, Any]) -> str:
    return render_evaluation({"new rules": result}, None, ABOUT)


def several() -> str:
    results = {
        "<i>bold</i>": evaluation(verdict="ship"),
        "careful": evaluation(verdict="test_first"),
    }
    return render_evaluation(results, SELECTION, ABOUT)


def at(document: Any, path: str) -> float:
    for part in path.split("."):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return float(document)


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_is_that_of_the_file(kind: str) -> None:
    result = evaluation(kind)
    page = Page(one_page(result))
    assert len(page.figures) > 60
    for key, value in page.figures.items():
        file, _, path = key.partition(":")
        assert file == "ope"
        assert value == at(result, path), key


@pytest.mark.parametrize("html", [one_page(evaluation()), several()], ids=["one", "several"])
def test_nothing_is_fetched_and_all_links_lead_somewhere(html: str) -> None:
    page = Page(html)
    for tag, given in page.tags:
        for name in ("src", "href", "action", "poster", "srcset"):
            assert (given.get(name) or "#").startswith(("#", "data:,")), (tag, given)
    policy = next(given["content"] for tag, given in page.tags if "http-equiv" in given)
    assert str(policy).startswith("default-src 'none';")
    assert "http" not in str(policy)
    assert len(set(page.ids)) == len(page.ids)
    assert {str(link).removeprefix("#") for link in page.links} <= set(page.ids)


@pytest.mark.parametrize("kind", KINDS)
def test_all_estimators_of_the_contract_have_plain_names(kind: str) -> None:
    html = one_page(evaluation(kind))
    page = Page(html)
    drawn = " ".join(text for chart in charts(html) for text in strings(chart))
    for name in (*words.ESTIMATORS, *JARGON, "lambda"):
        pattern = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
        assert not pattern.search(page.text), (name, pattern.search(page.text))
        assert not pattern.search(drawn), name
    appendix = html.partition('<section id="provenance"')[2]
    for name in KINDS[kind]:
        assert words.ESTIMATORS[name][0] in page.text
        assert f"<td>{name}</td>" in appendix


def test_every_name_of_the_contract_is_in_the_table_of_words() -> None:
    assert set(words.ESTIMATORS) == {name for names in KINDS.values() for name in names}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_verdict_comes_with_reasons_and_what_falls_short_with_the_next_test(
    verdict: str,
) -> None:
    result = evaluation(verdict=verdict)
    text = Page(one_page(result)).text
    assert words.POLICY_VERDICTS[verdict][0] in text
    assert all(reason in text for reason in result["reasons"])
    assert ("What to do next" in text) == (verdict != "ship")
    if verdict != "ship":
        assert result["next_test"]["text"] in text
        assert result["next_test"]["settles"] in text
        assert "12,345 decisions in each group" in text


def test_the_first_sentence_says_what_the_verdict_rests_on() -> None:
    text = Page(one_page(evaluation())).text.replace("\N{NO-BREAK SPACE}", " ")
    told = re.search(r"Over 4,000 logged decisions, which brought .*? by the [^.]*\.", text)
    assert told
    assert "“new rules” is estimated to bring 0.2400" in told.group()
    assert words.ESTIMATORS["dr"][0] in told.group()


def test_charts_are_what_plotly_draws_and_say_the_same_in_words() -> None:
    html = one_page(evaluation())
    found = charts(html)
    painted = re.sub(
        r'("[a-z]*color": )("[a-z0-9]+"|\[("[a-z]+"(, )?)+\])', r'\1"#123456"', json.dumps(found)
    )
    assert all(
        Figure(chart).data for chart in json.loads(painted)
    )  # raises on what is not plotly's
    assert len(found) == 6
    assert html.count("<figcaption>") == 6
    forest = found[0]["data"][0]
    assert forest["x"] == [row["estimate"] for row in evaluation()["estimates"]]


def test_markup_of_users_is_text() -> None:
    html = one_page(evaluation())
    assert "<b>tea" not in html
    assert "&lt;b&gt;markup&lt;/b&gt;" in html
    assert any("&lt;b&gt;tea" in text for chart in charts(html) for text in strings(chart))
    assert "<i>bold" not in several()
    assert "<i>bold</i>" in Page(several()).text


def test_what_is_not_defined_is_left_out() -> None:
    bare = evaluation()
    keep = ("units", "ess", "ess_share", "max_weight", "unsupported_share")
    bare["diagnostics"] = {name: bare["diagnostics"][name] for name in keep}
    for row in bare["estimates"][:2]:
        row |= {"estimate": None, "ci95": [None, None], "diff_vs_logged": None}
        row["diff_ci95"] = [None, None]
    bare["next_test"] = {"design": "holdout", "text": "Try it."}
    html = one_page(bare)
    assert len(charts(html)) == 2
    assert len(charts(html)[0]["data"][0]["x"]) == len(bare["estimates"]) - 2
    assert "Two ways differ" not in html
    assert "Size" not in Page(html).text


def test_an_evaluation_without_any_estimate_still_has_a_page() -> None:
    nothing = copy.deepcopy(evaluation(verdict="insufficient_support"))
    nothing |= {"estimates": [], "diagnostics": {}}
    assert "Too little evidence to say" in Page(one_page(nothing)).text


def test_one_way_of_estimating_with_two_settings_is_told_apart() -> None:
    result = evaluation()
    again = copy.deepcopy(result["estimates"][2])
    again["params"] = {"lambda": 99.0}
    result["estimates"].append(again)
    text = Page(one_page(result)).text
    assert "re-weighted log, capped, set to 99" in text
    assert "re-weighted log, capped, set to 4.5" in text


def test_small_rewards_keep_their_digits() -> None:
    result = evaluation()
    result["logged_value"] = 0.0038123
    for row in result["estimates"]:
        row["estimate"], row["ci95"] = 0.0041567, [0.0039, 0.0044]
    text = Page(one_page(result)).text
    assert "0.004157" in text
    assert "0.003812" in text


def test_several_policies_are_compared_first_and_then_told_one_by_one() -> None:
    html = several()
    page = Page(html)
    assert page.text.index("hold at once") < page.text.index("Policy “careful”")
    assert SELECTION["text"] in page.text
    gains = charts(html)[0]
    assert gains["data"][0]["x"] == [0.08, -0.01]
    assert page.figures["selection:candidates.1.gain"] == -0.01
    assert page.figures["candidate-1:rows"] == 4000
    assert {"#candidate-0", "#candidate-1"} <= set(page.links)
    assert len(charts(html)) == 1 + 2 * 6
