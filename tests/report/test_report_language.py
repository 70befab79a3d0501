"""The page in Chinese: every sentence has an entry, none is left over, and none stays English."""

import ast
import json
import re
from datetime import date
from pathlib import Path
from string import Formatter

import pytest
from tests.ope_evaluations import KINDS, evaluation
from tests.report.conftest import NAMES
from tests.report.test_report_page import Text, charts, strings
from typer.testing import CliRunner

from promopilot.experiments import recommendation
from promopilot.experiments.cli.app import app
from promopilot.experiments.config import make_config
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.ope import selection
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.ope.trust import next_test_words, rules, verdict, worth
from promopilot.experiments.report import (
    evaluation_words,
    glossary,
    limits,
    parameter_names,
    render_report,
    section,
    words,
)
from promopilot.experiments.report import language as spoken_language
from promopilot.experiments.report.evaluation_page import About, render_evaluation
from promopilot.experiments.report.language import catalogue, speaking, spoken, tr
from promopilot.experiments.report.numbers import Numbers
from promopilot.experiments.report.said import patterns, said, untold
from promopilot.experiments.report.section import period

HERE = Path(spoken_language.__file__).parent
STUDIO = HERE.parent / "studio"  # speaks from the same catalogue
HAN = re.compile(r"[\u4e00-\u9fff]")
# Said as they are in Chinese too.
SAME = {"POAS", "ROAS"}


def used() -> set[str]:
    """Every key of the pages: what code and templates hand to `tr`, and the tables of names."""
    found = {day for day in section._WEEKDAYS} | {"data", "prior"}
    found |= {part for month in section._MONTHS for part in (month, month[:3])}
    for file in (*HERE.glob("*.py"), *STUDIO.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("tr", "later"):
                (key,) = node.args
                if isinstance(key, ast.Constant):
                    found.add(str(key.value))
    for file in HERE.glob("*.html"):
        found |= set(re.findall(r'\btr\("([^"]*)"\)', file.read_text(encoding="utf-8")))
    modules = (words, evaluation_words, parameter_names, limits)
    tables = [(name, table) for m in modules for name, table in vars(m).items() if name.isupper()]
    for name, table in tables:
        for entry in table.values():
            told = (entry,) if isinstance(entry, str) else entry
            # The second of a backtest's is a formula, which only the appendix shows.
            found |= set(told[:1] if name == "BACKTEST" else told) - {""}
    return found | {*glossary.TERMS, *glossary.TERMS.values()}


def fields(text: str) -> set[tuple[str, str]]:
    """What is filled in, with its format; fields without a name are numbered."""
    parts = [part for part in Formatter().parse(text) if part[1] is not None]
    return {(name or str(n), spec or "") for n, (_, name, spec, _) in enumerate(parts)}


def test_every_sentence_has_a_translation_and_none_is_left_over() -> None:
    known = set(catalogue("zh"))
    assert used() - known == set()
    assert known - used() == set()


@pytest.mark.parametrize("file", ["zh.json", "zh_said.json"])
def test_translations_are_chinese_and_fill_in_the_same(file: str) -> None:
    entries = json.loads((HERE / file).read_text(encoding="utf-8"))
    wrong = [key for key, text in entries.items() if fields(key) != fields(text)]
    assert wrong == []
    mixed = [text for text in entries.values() if re.search(r"\{\d", text) and "{}" in text]
    assert mixed == []
    bare = [re.sub("`.*?`", "", text) for text in entries.values()]  # commands are what is typed
    english = [text for text in bare if re.search(r"[a-z]{4,} [a-z]{4,}", text)]
    assert english == []
    filled = {key: re.sub(r"{.*?}|%-?[a-z]", "", text) for key, text in entries.items()}
    letters = {key for key, text in filled.items() if re.search("[A-Za-z]{2}", text)}
    assert [key for key in letters - SAME if not HAN.search(filled[key])] == []


def sentences(module: object) -> set[str]:
    """What a module writes into a run's files, `{}` for what varies."""
    source = Path(str(module.__file__)).read_text(encoding="utf-8")  # type: ignore[attr-defined]
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = [p.value if isinstance(p, ast.Constant) else "{}" for p in node.values]
            found.add("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    told = {part for text in found for part in re.split(r"(?<=\.) (?=[A-Z])", text)}
    begins = re.compile(r"[A-Z]|\{\} (has|is) ")
    whole = {text for text in told if begins.match(text) and text.endswith(".") and " " in text}
    return {text for text in whole if "\n" not in text and f'"""{text}' not in source}


@pytest.mark.parametrize(
    "module", [rules, next_test_words, verdict, worth, recommendation, selection]
)
def test_sentences_of_the_files_are_told_in_chinese(module: object) -> None:
    kept = json.loads((HERE / "zh_said.json").read_text(encoding="utf-8"))
    # Some of what varies is words ("groups", ": look at it again"), which the keys hold.
    apart = [re.split(r"\{\}", text) for text in sentences(module)]
    asked = [re.compile(".*?".join(map(re.escape, parts))) for parts in apart]
    assert asked or module is worth
    lacking = [one.pattern for one in asked if not any(one.fullmatch(key) for key in kept)]
    assert lacking == []


def test_a_sentence_is_put_together_from_what_varies_in_it() -> None:
    text = (
        "The best on the validation flights, the trained pilot, brought +0.31 % (+0.28 to +0.34) "
        "against the daily re-optimiser on the test flights, which chose nothing; to be "
        "recommended it would need a lower bound of at least 0.5 %, and misses it by 0.22 points."
    )
    with speaking("zh"):
        told = said(text)
    assert "训练策略" in told
    assert "+0.31%（+0.28 至 +0.34）" in told
    assert "还差 0.22 个百分点" in told
    assert not re.search("[a-z]{3}", told)


def test_a_sentence_that_no_pattern_fits_is_kept() -> None:
    with speaking("zh"):
        assert said("Nobody wrote this before.") == "Nobody wrote this before."
    assert untold("Nobody wrote this before.", "zh") == ["Nobody wrote this before."]
    assert said("Costs -3 more.") == "Costs \N{MINUS SIGN}3 more."


def test_every_pattern_can_be_filled_in() -> None:
    for pattern, translation in patterns("zh"):
        filled = translation.format(*["7"] * pattern.groups)
        assert filled.count("7") >= pattern.groups


def test_the_page_is_chinese_but_for_what_users_and_files_wrote(run: Path) -> None:
    html = render_report(run, "zh")
    assert '<html lang="zh-Hans">' in html
    page = Text()
    # Sources are quoted, the appendix holds raw names, and commands are what is typed.
    apart = '<section id="(sources|provenance)".*?</section>|<code>.*?</code>'
    page.feed(re.sub(apart, "", html, flags=re.DOTALL))
    page.close()
    own = ["A block in the weekly email to all customers", "Search <b>results</b>", "Home page"]
    own += ["Everybody else", "Two loaves of bread", "Save on"]
    drawn = [text for chart in charts(html) for text in strings(chart)]
    for text in (*page.parts, *drawn):
        bare = text
        for name in (*own, *NAMES):
            bare = bare.replace(name, "")
        assert not re.search(r"[A-Za-z]{3,} [a-z]{3,}", bare), text


@pytest.mark.parametrize("kind", KINDS)
def test_pages_of_offline_evaluation_are_chinese_too(kind: str) -> None:
    result = evaluation(kind)
    about = About(Inputs(Path("decisions.csv"), "new.csv"), OpeSettings(), 7)
    with speaking("zh"):
        html = render_evaluation({"new": result}, None, about)
    assert '<html lang="zh-Hans">' in html
    page = Text()
    page.feed(re.sub('<section id="provenance".*?</section>', "", html, flags=re.DOTALL))
    made_up = [*result["reasons"], result["next_test"]["text"], result["next_test"]["settles"]]
    for text in (*page.parts, *(text for chart in charts(html) for text in strings(chart))):
        if text.strip() not in made_up:
            assert not re.search(r"[A-Za-z]{3,} [a-z]{3,}", text), text


@pytest.mark.parametrize("asked", [["--language", "zh"], ["--set", "report.language=zh"]])
def test_the_command_says_which_language_a_page_of_evaluation_has(
    tmp_path: Path, asked: list[str]
) -> None:
    log = Path(__file__).parents[1] / "data" / "ope" / "bandit_A" / "log.csv"
    given = [str(log), "--policy", "uniform", "--policy", "logged", "--out", str(tmp_path / "o")]
    small = ["--set", "ope.replicates=100", "--set", "ope.model_rounds=2"]
    result = CliRunner().invoke(app, ["ope", *given, *small, *asked])
    assert result.exit_code == 0, result.stderr
    html = (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    assert '<html lang="zh-Hans">' in html
    assert "增益的区间对全部 2 个策略同时成立" in html
    assert spoken() == "en"  # what comes after speaks as before


def test_figures_are_the_same_in_both_languages(run: Path) -> None:
    marks = [
        re.findall(r'data-key="([^"]*)" value="([^"]*)"', render_report(run, language))
        for language in ("en", "zh")
    ]
    assert sorted(marks[0]) == sorted(marks[1])
    with speaking("zh"):
        assert str(Numbers.percent("x:y", 12.3)).endswith(">+12.3%</data>")


def test_the_config_says_which_language_and_knows_no_other() -> None:
    assert make_config({"report": {"language": "zh"}}).report.language == "zh"
    with pytest.raises(ConfigError, match=r"report\.language"):
        make_config({"report": {"language": "de"}})


def test_english_is_what_is_written() -> None:
    assert tr("Where the money goes") == "Where the money goes"


@pytest.mark.parametrize(
    ("last", "english", "chinese"),
    [
        (date(2017, 11, 6), "6 November 2017", "2017年11月6日"),
        (date(2017, 12, 3), "6 November to 3 December 2017", "2017年11月6日至12月3日"),
        (date(2018, 1, 3), "6 November 2017 to 3 January 2018", "2017年11月6日至2018年1月3日"),
    ],
)
def test_a_period_says_no_more_than_it_needs(last: date, english: str, chinese: str) -> None:
    first = date(2017, 11, 6)
    assert period(first, last) == english
    with speaking("zh"):
        assert period(first, last).replace(" ", "") == chinese
