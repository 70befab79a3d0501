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
from promopilot.experiments.report import evaluation_words
from promopilot.experiments.report.evaluation_page import About, render_evaluation
from promopilot.experiments.report.weights import joined_bins
from tests.ope_evaluations import KINDS, VERDICTS, evaluation

ABOUT = About(Inputs(Path("decisions.csv"), "new.csv"), OpeSettings(), 7)
MINUS = "\N{MINUS SIGN}"
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
    if " / " in path:
        above, _, below = path.partition(" / ")
        return at(document, above) / at(document, below.partition(":")[2])
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
    for name in (*evaluation_words.ESTIMATORS, *JARGON, "lambda"):
        pattern = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
        assert not pattern.search(page.text), (name, pattern.search(page.text))
        assert not pattern.search(drawn), name
    appendix = html.partition('<section id="provenance"')[2]
    for name in KINDS[kind]:
        assert evaluation_words.ESTIMATORS[name][0] in page.text
        assert f"<td>{name}</td>" in appendix


def test_every_name_of_the_contract_is_in_the_table_of_words() -> None:
    assert set(evaluation_words.ESTIMATORS) == {name for names in KINDS.values() for name in names}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_verdict_comes_with_reasons_and_what_falls_short_with_the_next_test(
    verdict: str,
) -> None:
    result = evaluation(verdict=verdict)
    text = Page(one_page(result)).text
    assert evaluation_words.POLICY_VERDICTS[verdict][0] in text
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
    assert evaluation_words.ESTIMATORS["dr"][0] in told.group()


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
    assert "have no range" not in html
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


def seen(result: dict[str, Any]) -> str:
    """What is read on the page of one evaluation."""
    return plain(Page(one_page(result)).text)


def plain(text: str) -> str:
    """Text as it is read: no space before what closes."""
    return re.sub(r" (?=[),.])", "", text.replace("\N{NO-BREAK SPACE}", " "))


def row_of(result: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in result["estimates"] if row["estimator"] == name)


def test_the_row_that_decides_is_marked_in_the_charts_and_named_in_the_lead() -> None:
    result = evaluation()
    row_of(result, "sndr")["decides"] = True
    html = one_page(result)
    names = [note["text"] for note in charts(html)[0]["layout"]["annotations"]]
    assert [name for name in names if "(decides)" in name] == [
        f"{evaluation_words.ESTIMATORS['sndr'][0]} (decides)"
    ]
    assert "The verdict rests on the row marked “decides”." in html
    assert f"by the {evaluation_words.ESTIMATORS['sndr'][0]}." in Page(html).text


def test_headings_tell_the_confidence_that_was_asked_for() -> None:
    assert "80 % interval" not in seen(evaluation())
    text = seen(evaluation() | {"confidence": 0.8})
    assert "80 % interval" in text
    assert "(80 % range: " in text
    assert "95 %" not in text


@pytest.mark.parametrize(
    ("outlook", "headline"),
    [
        ("worse", "Looks worse: keep what is done today."),
        ("same", "The same as what was done."),
        ("unclear", "Test it first."),
        ("better", "Test it first."),
    ],
)
def test_the_headline_says_where_the_gain_lies(outlook: str, headline: str) -> None:
    assert headline in seen(evaluation() | {"outlook": outlook})
    assert "Ready to switch." in seen(evaluation(verdict="ship") | {"outlook": outlook})


def test_a_policy_that_does_what_was_done_has_nothing_to_test() -> None:
    result = evaluation() | {"outlook": "same"}
    result["next_test"] = {"design": "none", "text": "There is nothing to test."}
    text = seen(result)
    assert "“new rules” would have brought the same." in text
    assert "There is nothing to test." in text
    assert "Kind of test" not in text


def test_the_lead_tells_the_gain_as_a_share_unless_next_to_nothing_was_logged() -> None:
    result = evaluation()
    row_of(result, "dr")["diff_vs_logged"] = 0.06
    told = f"+0.0600 per decision (95 % range: {MINUS}0.0210 to +0.0190), or +25.0 %, by the"
    assert told in seen(result)
    result["logged_value"] = 1e-6
    assert ", or +" not in seen(result)


def test_figures_that_cannot_be_relied_on_come_with_the_warning() -> None:
    told = seen(evaluation(verdict="insufficient_support"))
    warning = "The log says too little for the following to be relied on. Over 4,000 logged"
    assert warning in told
    assert "does not hang on one" not in told
    assert "lie above it" not in told
    assert warning not in seen(evaluation())


def test_ways_that_take_over_a_range_are_no_evidence_of_their_own() -> None:
    result = evaluation()
    for row in result["estimates"]:
        row["diff_ci95"] = [0.01, 0.09]
    assert "13 of the 13 ways of estimating that have a range of their own find" in seen(result)
    for name in ("dm", "ipw"):
        row_of(result, name)["interval_from"] = "dr"
    text = seen(result)
    assert "11 of the 11 ways" in text
    assert "Some ways take the range of a steadier one, stretched" in text


def test_an_estimate_without_a_range_is_drawn_as_a_dot_and_said_to_have_none() -> None:
    result = evaluation()
    row_of(result, "ipw").update(ci95=[None, None], diff_ci95=[None, None])
    html = one_page(result)
    for chart in charts(html)[:2]:
        dots = chart["data"][0]
        assert len(dots["x"]) == len(result["estimates"])
        assert dots["error_x"]["array"][1] == dots["error_x"]["arrayminus"][1] == 0
        assert dots["text"][1].endswith("no range")
    assert "1 of 13 rows have no range" in html


def test_the_lead_of_a_candidate_has_the_range_that_its_verdict_rests_on() -> None:
    results = {name: evaluation() for name in ("<i>bold</i>", "careful")}
    results["careful"]["estimates"][4] |= {"decides": True, "gain_ci95_all": [-0.3, 0.2]}
    text = plain(Page(render_evaluation(results, SELECTION, ABOUT)).text)
    assert f"(95 % range, for all policies at once: {MINUS}0.3000 to +0.2000)" in text
    assert f"The verdict rests on a wider range, {MINUS}0.3000 to +0.2000" in text


def test_a_range_that_the_comparison_cuts_at_0_is_explained() -> None:
    assert "“ahead of the best other” never leaves 0" in several()
    uncut = copy.deepcopy(SELECTION)
    for row in uncut["candidates"]:
        row["ahead_interval"] = [-0.1, 0.1]
    results = {"<i>bold</i>": evaluation(), "careful": evaluation()}
    assert "never leaves 0" not in render_evaluation(results, uncut, ABOUT)


def test_the_table_of_candidates_stacks_on_a_phone_with_its_labels() -> None:
    labels = [given.get("data-label") for tag, given in Page(several()).tags if tag == "td"]
    assert labels.count("Verdict") == 2
    assert '<table class="cards lines"' in several()


def test_sentences_and_figures_have_the_same_minus_but_names_keep_their_hyphens() -> None:
    result = evaluation()
    result["reasons"] = ["The gain is -0.34, from -1 to 2, by milk-10 on 2025-01-02."]
    told = f"is {MINUS}0.34, from {MINUS}1 to 2, by milk-10 on 2025-01-02."
    assert told in seen(result)


def test_axes_write_small_numbers_in_full() -> None:
    axes = [chart["layout"]["xaxis"] for chart in charts(one_page(evaluation()))]
    assert [axis.get("exponentformat") for axis in axes].count("none") == 4


def test_an_axis_of_shares_ends_near_100_though_an_interval_reaches_further() -> None:
    result = evaluation()
    result["diagnostics"]["propensity_calibration"][0] |= {"low": -0.4, "high": 1.5}
    chart = next(c for c in charts(one_page(result)) if "ticksuffix" in c["layout"]["xaxis"])
    low, high = chart["layout"]["yaxis"]["range"]
    assert -10 < low < 0
    assert 100 < high < 110


def test_intervals_that_are_not_there_are_not_counted() -> None:
    result = evaluation()
    assert "; here 3 of 4 intervals reach the line" in seen(result)
    for part in result["diagnostics"]["reward_calibration"]:
        part |= {"low": part["observed"], "high": part["observed"]}
    for row in result["diagnostics"]["propensity_calibration"]:
        row |= {"low": None, "high": None}
    assert "intervals reach the line" not in seen(result)


def test_what_two_ways_are_is_said_by_name() -> None:
    result = evaluation("slate")
    text = seen(result)
    assert "with and without the forecast" not in text
    assert "positions from the top, averaged against re-weighted log, averaged" in text


def test_bars_of_weights_are_few_and_the_table_has_every_bin() -> None:
    bins = [{"from": 0.0, "to": 0.0, "units": 5, "weight_share": 0.0}] + [
        {"from": 2.0**k, "to": 2.0 ** (k + 1), "units": 1, "weight_share": 1 / 16}
        for k in range(-9, 7)
    ]
    bars = joined_bins(bins)
    assert [(bar["from"], bar["to"], bar["units"]) for bar in bars] == [
        *((0.0, 0.0, 5), (0.0, 1 / 16, 5)),
        *((1 / 16, 0.25, 2), (0.25, 1.0, 2), (1.0, 4.0, 2), (4.0, 16.0, 2), (16.0, 64.0, 2)),
        (64.0, 128.0, 1),
    ]
    assert sum(bar["weight_share"] for bar in bars) == pytest.approx(1.0)
    result = evaluation()
    result["diagnostics"]["weight_histogram"] = bins
    html = one_page(result)
    drawn = next(c for c in charts(html) if c["data"][0]["type"] == "bar")["data"][0]["x"]
    assert [name.replace("\N{EN DASH}<br>", " to ") for name in drawn] == [
        *("0", "<\N{NO-BREAK SPACE}0.06", "0.06 to 0.25", "0.25 to 1"),
        *("1 to 4", "4 to 16", "16 to 64", "64 to 128"),
    ]
    assert "0.002\N{EN DASH}0.0039" in Page(html).text
    assert not re.search(r"\b1/\d", Page(html).text)


def test_lowered_weights_do_not_claim_that_few_decide_nothing() -> None:
    result = evaluation("sequential")
    result["diagnostics"]["tail_mass"] = 1.0
    assert "no few" not in seen(result)


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ({"design": "exploration", "size": 500}, "500 decisions to log"),
        ({"design": "exploration", "size_per_arm": 500}, "500 decisions to log"),
        ({"design": "holdout", "size_per_arm": 500}, "500 decisions in each group"),
    ],
)
def test_the_size_of_a_test_is_that_of_a_log_or_of_a_group(test: dict[str, Any], told: str) -> None:
    assert told in seen(evaluation() | {"next_test": {"text": "Try it.", **test}})


@pytest.mark.parametrize(
    ("outlooks", "headline"),
    [
        (("worse", "same"), "None looks better: keep what is done today."),
        (("worse", "unclear"), "Test it first."),
    ],
)
def test_of_several_policies_none_may_look_better(outlooks: tuple[str, str], headline: str) -> None:
    names = ("<i>bold</i>", "careful")
    results = {
        name: evaluation() | {"outlook": outlook}
        for name, outlook in zip(names, outlooks, strict=True)
    }
    html = render_evaluation(results, SELECTION | {"verdict": "test_first"}, ABOUT)
    assert plain(Page(html).text).partition("Policy “")[0].count(headline) == 1
