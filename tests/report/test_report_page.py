"""The page: self-contained, plain words, safe against what users write, honest in each case."""

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from promopilot.experiments import market_laws
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.report import (
    evaluation_words,
    parameter_names,
    render_report,
    words,
    write_report,
)
from promopilot.experiments.report.numbers import typeset

VOID = {"meta", "link", "br", "img", "input", "hr"}
# What no analyst should have to read, beyond raw names: jargon of the code and of statistics.
JARGON = (
    *("ESS", "propensity", "propensities", "logit", "log-loss", "log_loss", "spearman", "ece"),
    *("ctr", "cvr", "ctcvr", "bootstrap", "posterior", "vs_replanner", "n/a", "nan", "None"),
    *("PPO", "IPW", "SNIPW", "TF-IDF", "one-hot", "BERT", "WAPE", "MAPE", "naive", "quantile"),
)


class Text(HTMLParser):
    """What is read on the page, and its tags, without scripts, styles and the appendix."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag in VOID:
            return
        self.open.append(tag)
        appendix = tag == "section" and given.get("id") == "provenance"
        if self._hidden or tag in ("script", "style") or appendix:
            self._hidden += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._hidden = max(self._hidden - 1, 0)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.parts))


def read(html: str) -> Text:
    parser = Text()
    parser.feed(html)
    parser.close()
    assert parser.open == []  # every tag is closed, in order
    return parser


def charts(html: str) -> list[dict[str, Any]]:
    found = re.findall(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    return [json.loads(text) for text in found]


def strings(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for value in node.values() for text in strings(value)]
    if isinstance(node, list):
        return [text for value in node for text in strings(value)]
    return [node] if isinstance(node, str) else []


@pytest.fixture(scope="module")
def html(run: Path) -> str:
    return render_report(run)


@pytest.fixture(scope="module")
def page(html: str) -> Text:
    return read(html)


# ---- self-contained ----


def test_nothing_is_fetched(html: str, page: Text) -> None:
    for tag, given in page.tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            target = given.get(name) or "#"
            assert target.startswith(("#", "data:,")), (tag, name, target)
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(g["content"] for t, g in page.tags if "http-equiv" in g and t == "meta")
    assert str(policy).startswith("default-src 'none';")
    assert "http" not in str(policy)
    assert html.count("plotly.js v") == 1


def test_the_page_stays_small_enough_to_mail(html: str) -> None:
    assert len(html.encode()) < 8_000_000


def test_write_report_writes_what_render_report_gives(run: Path, html: str) -> None:
    path = write_report(run)
    assert path == run / "report.html"
    assert path.read_text(encoding="utf-8") == html
    assert [p.name for p in run.iterdir() if p.name.startswith(".")] == []


# ---- plain words ----


def test_raw_names_stand_only_in_the_appendix(page: Text, html: str, run: Path) -> None:
    raw = {*words.POLICIES, *evaluation_words.ESTIMATORS, *words.STRESSES, "one_hot", "tfidf"}
    raw -= {"uniform", "shock"}  # words of everybody
    formulas = words.BACKTEST
    drawn = " ".join(text for chart in charts(html) for text in strings(chart))
    for name in sorted({*raw, *formulas, *JARGON}):
        pattern = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
        for where, text in (("page", page.text), ("charts", drawn)):
            assert not pattern.search(text), (name, where, pattern.search(text))
    appendix = html.partition('<section id="provenance"')[2]
    ope = json.loads((run / "ope" / "ope.json").read_text(encoding="utf-8"))
    used = {row["estimator"] for row in ope["estimates"]}
    for name in raw - (set(evaluation_words.ESTIMATORS) - used):
        assert f">{name}<" in appendix
    for name, (plain, _) in formulas.items():
        assert f">{plain}<" in appendix
        assert f">{name}: " in appendix


def test_plain_names_are_distinct() -> None:
    for table in (words.POLICIES, words.STRESSES, evaluation_words.ESTIMATORS, words.BASELINES):
        plain = [name for name, _ in table.values()]
        assert len(set(plain)) == len(plain)


def test_events_bear_the_names_of_the_data(page: Text) -> None:
    assert "“clicked” and then by “ordered”" in page.text


def test_the_data_is_described_word_for_word(page: Text) -> None:
    assert "Made-up tables & <i>nothing</i> else." in page.text


# ---- readable by everybody ----


def test_structure_serves_keyboards_and_screen_readers(page: Text) -> None:
    ids = [str(given["id"]) for _, given in page.tags if "id" in given]
    assert len(set(ids)) == len(ids)
    linked = {str(g["href"])[1:] for t, g in page.tags if t == "a"}
    assert linked <= set(ids)
    assert [t for t, _ in page.tags].count("h1") == 1
    tables = [given for tag, given in page.tags if tag == "table"]
    assert [tag for tag, _ in page.tags].count("caption") == len(tables)
    assert all("scope" in given for tag, given in page.tags if tag == "th")
    pictures = [given for _, given in page.tags if given.get("role") == "img"]
    assert len(pictures) == len(charts_of(page))
    assert all(str(given["aria-label"]) for given in pictures)
    regions = [given for _, given in page.tags if given.get("role") == "region"]
    assert all(given.get("tabindex") == "0" and given.get("aria-label") for given in regions)


def charts_of(page: Text) -> list[dict[str, str | None]]:
    return [given for tag, given in page.tags if tag == "figure"]


def test_each_chart_has_a_note_or_shares_one(page: Text) -> None:
    single = [g for g in charts_of(page) if "small" not in str(g["class"])]
    assert [tag for tag, _ in page.tags].count("figcaption") == len(single)


def test_charts_are_what_plotly_draws(html: str) -> None:
    from plotly.graph_objects import Figure

    text = json.dumps(charts(html))
    text = re.sub(r'("colorscale": )\[\[0, "\w+"\], \[1, "\w+"\]\]', r'\1"Greys"', text)
    painted = re.sub(r'("[a-z]*color": )("[a-z0-9]+"|\[("[a-z]+"(, )?)+\])', r'\1"#123456"', text)
    drawn = [Figure(chart) for chart in json.loads(painted)]  # raises on what is not plotly's
    assert len(drawn) > 10
    assert all(figure.data for figure in drawn)


# ---- what users write ----


def test_markup_in_names_is_text(html: str, page: Text) -> None:
    assert "<script>alert" not in html
    assert "<b>results" not in html
    assert "<script>alert(1)</script>" in page.text
    drawn = [text for chart in charts(html) for text in strings(chart)]
    assert any(text.startswith("&lt;script&gt;") for text in drawn)
    assert not any("<script" in text or "<b>" in text for text in drawn)


def test_chinese_is_kept(page: Text) -> None:
    assert "火锅满100减30" in page.text


# ---- honest in each case ----


def test_a_flight_ahead_of_the_data_has_no_scores(make_run: Callable[..., Path]) -> None:
    text = read(render_report(make_run(scores=None))).text
    assert "nothing has happened yet that predictions could be held against" in text
    assert "Ranking agreement" not in text


def test_a_log_of_one_choice_is_told_without_figures(changed: Callable[..., Path]) -> None:
    told = {
        "verdict": "insufficient_support",
        "reasons": ["The log shows one choice only."],
        "estimates": [],
        "diagnostics": {},
    }
    run = changed(ope__ope=lambda ope: ope.update(told))
    assert "The log shows one choice only." in render_report(run)


@pytest.mark.parametrize(
    ("ours", "rivals", "told"),
    [
        (0.0280, {"one_hot": 0.0300, "tfidf": 0.0295, "frozen": 0.0297}, "language model wins."),
        (0.0290, {"one_hot": 0.0298, "tfidf": 0.0291, "frozen": 0.0297}, "no real difference."),
        (0.0299, {"one_hot": 0.0280, "tfidf": 0.0291, "frozen": 0.0297}, "it wins, and would"),
    ],
)
def test_the_better_predictor_is_named(
    changed: Callable[..., Path], ours: float, rivals: dict[str, float], told: str
) -> None:
    scores = {"log_loss": ours, "log_loss_base": 0.0312, "baselines": rivals}
    scores |= {"ece": 0.0004, "rows": 10, "impressions": 1000}
    run = changed(scores=lambda found: found.update(test=scores))
    assert told in read(render_report(run)).text


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.80, "about as it should be"),
        (0.60, "the ranges are too narrow"),
        (0.95, "the ranges are wider than needed"),
    ],
)
def test_how_far_predictions_can_be_trusted_is_told_in_words(
    changed: Callable[..., Path], share: float, told: str
) -> None:
    def cover(found: dict[str, Any]) -> None:
        for part in found["test"]["coverage"]:
            part["coverage"] = share

    text = read(render_report(changed(scores=cover))).text
    assert told in text
    assert "promotions known from the past" in text
    assert "promotions of groups never seen" in text
    assert "new promotions of known groups" not in text  # four line items say nothing
    assert "Said and seen" in text
    for raw in ("unknown_group", "ctcvr", "PIT", "log-loss", "one_hot"):
        assert raw not in text


@pytest.mark.parametrize(
    ("unread", "cut", "told"),
    [
        (0.42, 0.0, ["cannot read 42 % of the letters"]),
        (0.1, 0.0, []),
        (0.0, 0.25, ["Of the promotions' texts 25 % are longer than the 64 pieces of words"]),
        (0.0, 0.001, ["Of the promotions' texts few are longer"]),
        (0.6, 0.5, ["cannot read 60 % of the letters", "texts 50 % are longer"]),
    ],
)
def test_texts_that_the_language_model_cannot_read_are_told(
    run: Path, tmp_path: Path, unread: float, cut: float, told: list[str]
) -> None:
    again = tmp_path / "run"
    shutil.copytree(run, again)
    (again / "predictor").mkdir()
    found = {"texts": 8, "unread_share": unread, "cut_share": cut, "max_tokens": 64}
    (again / "predictor" / "predictor.json").write_text(
        json.dumps({"record": {"readability": found}}), encoding="utf-8"
    )
    page = read(render_report(again))
    assert all(sentence in page.text for sentence in told)
    assert page.text.count("language model cannot read") + page.text.count(
        "pieces of words"
    ) == len(told)


def test_scores_without_these_figures_have_no_such_charts(changed: Callable[..., Path]) -> None:
    def strip(found: dict[str, Any]) -> None:
        for name in ("reliability", "coverage", "differences"):
            del found["test"][name]

    text = read(render_report(changed(scores=strip))).text
    assert "Said and seen" not in text
    assert "predicted range" not in text
    assert "Ranking agreement" in text


def test_outcomes_are_headed_attributed_unless_incrementality_is_known(
    html: str, make_run: Callable[..., Path]
) -> None:
    assert html.count("Attributed, not incremental") == 2  # in the summary, and at the sources
    text = read(render_report(make_run(incrementality=0.4))).text
    assert "Attributed, not incremental" not in text
    assert "between 40 % and 40 % of orders" in text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("objective", ["net_profit", "profit", "revenue", "conversions"])
def test_every_objective_is_named(make_run: Callable[..., Path], objective: str) -> None:
    text = read(render_report(make_run(objective=objective))).text
    goal = words.objective(objective)
    assert f"{goal[0].upper()}{goal[1:]} against the current mix" in text


@pytest.mark.parametrize(
    ("gain", "ends", "told"),
    [
        (8.0, [6.0, 10.0], "the plan brings 8.0 % more net profit"),
        (1.0, [-1.0, 3.0], "that may be nothing"),
        (-4.0, [-6.0, -2.0], "it is worse"),
        (350.0, [300.0, 400.0], "A gain this large says more about the current mix"),
    ],
)
def test_the_gain_is_said_as_it_is(
    changed: Callable[..., Path], gain: float, ends: list[float], told: str
) -> None:
    judged = {"vs_current_mix_pct": gain, "vs_current_mix_ci95": ends}
    run = changed(plan_value=lambda found: found.update(judged))
    text = read(render_report(run)).text.replace("\N{NO-BREAK SPACE}", " ")
    assert told in text
    assert ("A gain this large" in text) == (gain > 50)


@pytest.mark.parametrize("verdict", ["ship", "test_first", "insufficient_support"])
def test_every_verdict_is_in_plain_words(changed: Callable[..., Path], verdict: str) -> None:
    run = changed(ope__ope=lambda ope: ope.update(verdict=verdict, outlook="unclear"))
    text = read(render_report(run)).text
    assert evaluation_words.VERDICTS[verdict][0] in text
    reasons = json.loads((run / "ope" / "ope.json").read_text(encoding="utf-8"))["reasons"]
    assert reasons
    assert all(typeset(reason) in text for reason in reasons)


def test_a_plan_that_looks_worse_is_headed_so(changed: Callable[..., Path]) -> None:
    run = changed(ope__ope=lambda ope: ope.update(verdict="test_first", outlook="worse"))
    text = read(render_report(run)).text
    assert text.count(evaluation_words.OUTLOOKS["worse"][0]) == 2
    assert evaluation_words.VERDICTS["test_first"][0] not in text


def test_what_looking_ahead_would_add_is_told_with_what_was_reached(page: Text) -> None:
    text = page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "What planning the whole rest of a flight adds +2.00 %" in text
    assert "Of that, reached by the trained pilot 5 %" in text
    assert "Of the best possible with hindsight 90.9 %" in text
    assert "what no way of spending can pass, not even with hindsight" in text
    assert "Decisions that the trained pilot left to the daily re-optimiser 1.2 %" in text
    assert "look-ahead optimiser · from 16 flights" not in text  # a label of the chart


def test_without_policies_that_look_ahead_nothing_is_said_of_them(
    changed: Callable[..., Path],
) -> None:
    def change(simulations: dict[str, Any]) -> None:
        rows = simulations["policies"]
        for name in ("mpc", "clairvoyant", "clairvoyant_bound"):
            del rows[name]
        for row in rows.values():
            for key in ("gap_closed", "gap_closed_ci95", "pct_of_clairvoyant", "fallback_share"):
                row.pop(key, None)

    text = read(render_report(changed(simulations=change))).text
    for told in ("adds +", "reached by", "with hindsight 9", "dotted line is", "look ahead met"):
        assert told not in text


def test_a_small_gap_is_told_as_one(changed: Callable[..., Path]) -> None:
    def change(simulations: dict[str, Any]) -> None:
        for row in simulations["policies"].values():
            row.pop("gap_closed", None)
        simulations["policies"]["mpc"] |= {"vs_replanner_pct": 0.2, "vs_replanner_ci95": [0, 0.4]}

    text = read(render_report(changed(simulations=change))).text
    assert "too little for a share of it to say anything" in text
    assert "reached by" not in text


@pytest.mark.parametrize(
    ("recommended", "drawn"), [("replanner", "trained pilot"), ("mpc", "look-ahead optimiser")]
)
def test_the_stress_of_the_recommended_policy_is_drawn_else_of_its_best_rival(
    changed: Callable[..., Path], recommended: str, drawn: str
) -> None:
    def change(simulations: dict[str, Any]) -> None:
        simulations["recommended"] = recommended
        for rows in simulations["stress"].values():
            rows["mpc"] = rows["ppo"] | {"vs_replanner_ci95": [-0.5, 0.7]}
        simulations["stress"]["price_high"]["mpc"]["vs_replanner_ci95"] = [-2.5, 0.7]

    text = read(render_report(changed(simulations=change))).text
    assert f"If the market is not as believed: the {drawn} against the daily" in text
    if recommended == "mpc":
        assert "fares worst with “media 30 % dearer”: \N{MINUS SIGN}2.50 %" in text.replace(
            "\N{NO-BREAK SPACE}", " "
        )


def test_estimates_that_are_not_defined_are_left_out(changed: Callable[..., Path]) -> None:
    def undefine(ope: dict[str, Any]) -> None:
        for row in ope["estimates"]:
            row |= {"estimate": None, "ci95": [None, None], "diff_ci95": [None, None]}

    html = render_report(changed(ope__ope=undefine))
    assert 'id="evidence-title"' in html
    assert 'id="chart-evidence"' not in html


def test_parameters_are_grouped_by_what_they_rest_on(html: str) -> None:
    table = html.partition('class="sources"')[2].partition("</table>")[0]
    groups = re.split(r'<span class="badge (\w+)">', table)[1:]
    found = dict(zip(groups[::2], groups[1::2], strict=True))
    assert "share of orders that the promotion caused" in found["assumption"]
    assert "cost of exposures: Home page" in found["assumption"]
    assert "exposures that can be bought" in found["estimate"]
    assert "shape of the response curves" in found["prior"]
    assert "response rates" in found["data"]
    assert "what a customer pays per order" in found["derived"]


def test_every_parameter_that_a_market_may_name_has_a_plain_name(run: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    named = {*parameter_names.PARAMETERS, *parameter_names.MEANINGS, *market_laws.NAMES.values()}
    sources = {name: "prior: so it is said" for name in sorted(named)}
    sources |= {"a_name nobody_knows": "estimate: 1 ± 2", "price of nowhere": "data"}
    (copied / "market" / "sources.json").write_text(json.dumps(sources), encoding="utf-8")
    text = read(render_report(copied)).text
    assert named <= parameter_names.PARAMETERS.keys()
    assert all(plain in text for plain in parameter_names.PARAMETERS.values())
    assert all(meaning in text for meaning in parameter_names.MEANINGS.values())
    assert "a name nobody knows" in text
    assert "cost of exposures: nowhere" in text


def test_an_unfinished_run_is_refused_in_one_sentence(changed: Callable[..., Path]) -> None:
    run = changed()
    (run / "plan_value.json").unlink()
    with pytest.raises(RunFolderError, match=r"no plan_value\.json yet; finish the run with"):
        render_report(run)


@pytest.mark.parametrize(("times", "said"), [(3.0, True), (1.5, False), (-3.0, False)])
def test_a_test_for_less_than_the_flights_promise_says_which_gain_it_is_for(
    run: Path, tmp_path: Path, times: float, said: bool
) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    path = copied / "ope" / "ope.json"
    ope = json.loads(path.read_text(encoding="utf-8"))
    plan = json.loads((copied / "plan_value.json").read_text(encoding="utf-8"))
    played = json.loads((copied / "simulations.json").read_text(encoding="utf-8"))
    mix = played["policies"]["current_mix"]["value_mean"]
    decisions = plan["value_as_exported"] / ope["market"]["rolled_out_value"]
    more = (plan["value_as_exported"] - mix) / decisions
    (row,) = (row for row in ope["estimates"] if row.get("decides"))
    row["diff_vs_logged"] = more / times
    ope["next_test"] |= {"design": "switchback", "detects": abs(more / times) / 2}
    path.write_text(json.dumps(ope), encoding="utf-8")
    html = render_report(copied)
    told = html.partition('<section id="evidence"')[2].partition("</section>")[0]
    assert ("the test is planned for the smaller gain" in told) == said
    shown = re.findall(r'data-key="average:simulated_gain" value="([^"]*)"', told)
    assert [float(one) for one in shown] == ([pytest.approx(more)] if said else [])
