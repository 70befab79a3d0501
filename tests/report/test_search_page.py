"""The page of a search: what it says of good, poor, small, large and odd ones."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.chinese import english_left
from tests.made_up_trials import SPACE, record, trials
from tests.report.test_report_page import charts, read

from promopilot.experiments.report.language import Language
from promopilot.experiments.report.search_page import render_search
from promopilot.experiments.tuning.space import Domain
from promopilot.experiments.tuning.trial import TRIAL, Measure, Trial, load_trials, save_trial

NAN = float("nan")
CHOICES = (
    Domain("agents.ppo.network", "choice", ("equivariant", "mlp")),
    Domain("agents.ppo.epochs", "choice", (2, 4, 8)),
    Domain("agents.ppo.hidden", "choice", (32,)),
)


@pytest.fixture(scope="module")
def page() -> str:
    """Of sixteen trials."""
    return render_search(record(), trials(16), "en")


def text_of(html: str) -> str:
    return " ".join(read(html).text.split())


def of_section(html: str, name: str) -> str:
    return re.findall(f'<section id="{name}".*?</section>', html, re.DOTALL)[0]


def shifted(trial: Trial, by: float) -> Trial:
    return replace(
        trial, history=tuple(replace(m, gain_pct=m.gain_pct + by) for m in trial.history)
    )


# ---- what is said ----


def test_the_best_is_told_with_what_to_expect_of_it_and_what_to_do(page: str) -> None:
    best = max(trials(16), key=lambda trial: trial.best.gain_pct if trial.best else -99)
    assert best.best is not None
    text = text_of(of_section(page, "summary"))
    assert "The best of 15 trials brings more net profit than the daily re-optimiser" in text
    assert f"+{best.best.gain_pct:.2f} %" in text
    assert "Expect less than this gain" in text
    assert "only a run tells" in text
    assert "promopilot run best.yaml" in text
    assert "6 to the end, 9 stopped early, 1 failed" in text
    assert "44 %" in text
    assert f"{best.parameters[SPACE[0].path]:.3g}" in text


def test_nothing_better_is_told_so() -> None:
    text = text_of(render_search(record(), [shifted(t, -9) for t in trials(5)], "en"))
    assert "Nothing that was tried brought more net profit than the daily re-optimiser" in text
    assert "Leave the settings as they are" in text
    assert "promopilot run" not in text
    assert "Expect less" not in text


def test_a_search_under_way_says_so() -> None:
    made = [replace(t, status="running") if t.number == 3 else t for t in trials(8)]
    text = text_of(render_search(record(trials=16), made, "en"))
    assert "9 trials are not over yet" in text
    assert "1 not over" in text


def test_raw_names_stand_in_the_appendix_alone(page: str) -> None:
    raw = r"\b(ppo|replanner|optuna|asha|gain_pct|learning_rate|loguniform|net_profit)\b"
    appendix = of_section(page, "provenance")
    assert set(re.findall(raw, appendix)) >= {"ppo", "replanner", "optuna", "asha"}
    drawn = json.dumps(charts(page))
    assert re.findall(raw, text_of(page.replace(appendix, "")) + drawn) == []


def test_figures_are_those_of_the_files(page: str, tmp_path: Path) -> None:
    for trial in trials(16):
        save_trial(trial, tmp_path)
    assert load_trials(tmp_path) == trials(16)
    marks = re.findall(r'data-key="(trials/\d+/trial):([^"]*)" value="([^"]*)"', page)
    assert len(marks) > 100
    for file, key, value in marks:
        found = json.loads((tmp_path / file).with_name(TRIAL).read_text(encoding="utf-8"))
        head, _, rest = key.partition(".")
        found = found[head]
        if head == "parameters":
            found = found[rest]
        elif head == "history":
            at, name = rest.split(".")
            found = found[int(at)][name]
        assert float(found) == float(value)


def test_errors_are_text_in_one_line(page: str) -> None:
    assert "<script>alert(1)</script>" not in page
    assert 'ValueError: =1+1, "quoted" <script>alert(1)</script>' in text_of(page)
    made = [*trials(3), Trial(3, trials(4)[3].parameters, "failed", error="x" * 10_000)]
    assert "x" * 500 not in render_search(record(), made, "en")


def test_batches_that_pass_the_length_asked_for_are_no_more_than_whole() -> None:
    made = [Trial(0, trials(1)[0].parameters, "finished", (Measure(8_960.0, 0.1, 1.0),))]
    text = text_of(render_search(record(trials=1, steps=8_000), made, "en"))
    assert "100 %" in text
    assert "after 8,960 of 8,960 days" in text


# ---- what is drawn ----


def lines(chart: dict[str, Any]) -> list[list[tuple[float, float, str]]]:
    """Points of each line: traces hold several, with gaps between them."""
    found: list[list[tuple[float, float, str]]] = []
    for trace in chart["data"]:
        found.append([])
        for x, y, text in zip(trace["x"], trace["y"], trace["text"], strict=True):
            if x is None:
                found.append([])
            else:
                found[-1].append((x, y, text))
    return found


def test_every_trial_with_a_gain_is_a_line_and_the_best_is_thick(page: str) -> None:
    tried, _, curves = charts(page)
    for chart in (tried, curves):
        assert len(lines(chart)) == 15
        assert {line[0][2].split("trial ")[1].split(":")[0] for line in lines(chart)} == {
            str(number) for number in range(15)
        }
        assert [trace["line"]["color"] for trace in chart["data"]].count("warm") == 1
        assert chart["data"][-1]["line"] == {"color": "warm", "width": 3.5}  # over the others
    places = [[x for x, _, _ in line] for line in lines(tried)]
    assert all(len(line) == len(SPACE) + 1 for line in places)
    assert all(0 <= place <= 1 for line in places for place in line)
    assert "1 trial that failed or has no gain is not drawn" in text_of(page)
    assert [trace["name"] for trace in curves["data"]] == [
        "stopped early",
        "to the end",
        "the best",
    ]


def test_a_logarithmic_scale_is_spread_by_ratios() -> None:
    made = [
        Trial(at, {SPACE[0].path: value}, "finished", (Measure(1.0, float(at), 1.0),))
        for at, value in enumerate((1e-5, 1e-4, 1e-3))
    ]
    tried = charts(render_search(record(domains=SPACE[:1]), made, "en"))[0]
    assert [line[0][0] for line in lines(tried)] == pytest.approx([0, 0.5, 1])
    assert [line[1][0] for line in lines(tried)] == pytest.approx([0, 0.5, 1])


def test_one_that_fell_deep_does_not_flatten_the_others() -> None:
    made = [shifted(t, -1e6) if t.number == 2 else t for t in trials(12)]
    html = render_search(record(trials=12), made, "en")
    low, high = charts(html)[-1]["layout"]["yaxis"]["range"]
    assert high - low < 20
    below = len(made[2].history)
    assert re.search(rf"\b{below} measures? lies? below what is drawn", text_of(html))


# ---- odd searches ----


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_search_without_a_gain_draws_nothing(language: Language) -> None:
    none = [
        replace(t, history=tuple(replace(m, gain_pct=NAN) for m in t.history)) for t in trials(5)
    ]
    for made in ([], none, [Trial(0, {})]):
        html = render_search(record(), made, language)
        assert charts(html) == []
        assert "NaN" not in html.partition("<script>")[0]
    assert "No trial has a gain" in text_of(render_search(record(), [], "en"))


@pytest.mark.parametrize(
    ("gains", "told"), [((0.017, 0.021), "+0.017 %"), ((0.017, 1.2), "+0.02 %")]
)
def test_small_gains_are_told_apart(gains: tuple[float, float], told: str) -> None:
    made = [
        Trial(at, {SPACE[0].path: 1e-4}, "finished", (Measure(1.0, gain, 1.0),))
        for at, gain in enumerate(gains)
    ]
    assert told in text_of(render_search(record(domains=SPACE[:1]), made, "en"))


def test_one_trial_is_not_compared() -> None:
    text = text_of(render_search(record(trials=1), trials(1), "en"))
    assert "The only trial with a gain brings more net profit" in text
    assert "there is nothing to compare it with" in text
    assert "Trials with a gain: 1. It takes 12" in text
    assert "Expect less" not in text


def test_measures_that_are_no_numbers_are_left_out_of_the_drawing() -> None:
    made = trials(6)
    odd = replace(made[0], history=(Measure(1.0, NAN, 1.0), *made[0].history))
    html = render_search(record(), [odd, *made[1:]], "en")
    [line] = [line for line in lines(charts(html)[-1]) if "trial 0:" in line[0][2]]
    assert len(line) == len(made[0].history)


def test_choices_alone_and_one_that_never_varied() -> None:
    html = render_search(record(domains=CHOICES, method="grid"), trials(20, CHOICES), "en")
    assert "The same in all trials, and so not weighed: width of the network." in text_of(html)
    assert {line[2][0] for line in lines(charts(html)[0])} == {0.5}
    assert "Every combination of the values named" in text_of(html)


def test_long_names_are_broken_into_lines() -> None:
    long = ("x" * 300, "<b>y</b>" * 40)
    space = (Domain("agents.ppo.network", "choice", long),)
    html = render_search(record(domains=space), trials(5, space), "en")
    shown = [text["text"] for text in charts(html)[0]["layout"]["annotations"]]
    assert max(map(len, shown)) < 60
    assert "<b>" not in "".join(shown)


def test_settings_that_changed_on_the_way_have_no_weight() -> None:
    html = render_search(record(method="random", scheduler="pbt"), trials(16), "en")
    assert "Settings changed while trials were under way" in text_of(html)
    assert len(charts(html)) == 2


def test_the_page_is_chinese_but_for_values_and_files() -> None:
    html = render_search(record(), trials(16), "zh")
    shown = html.replace(of_section(html, "provenance"), "")
    shown = re.sub("<code>.*?</code>", "", shown)
    assert english_left(shown, "equivariant", "mlp") == []
    assert "训练策略" in html


def test_the_same_search_has_the_same_page(page: str) -> None:
    assert render_search(record(), trials(16)[::-1], "en") == page
