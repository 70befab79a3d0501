"""`promopilot data import`, as docs/import.md shows it and as users mistype it."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.importing.headers import Platform
from promopilot.experiments.importing.mapping import FIELDS, Mapping
from promopilot.experiments.tables import read_tables

DOCS = (Path(__file__).parent.parent / "docs" / "import.md").read_text(encoding="utf-8")
SAMPLES = Path(__file__).parent / "data" / "import"
FILES = re.findall(r"^`([\w-]+\.\w+)`:\n```\w+\n(.*?)```", DOCS, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^promopilot .*$", DOCS, re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for sample in SAMPLES.glob("*.csv"):
        shutil.copy(sample, tmp_path)
    for name, text in FILES:
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(line: str):
    return CliRunner().invoke(app, shlex.split(line)[1:])


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_docs_runs(line: str, folder: Path) -> None:
    done = invoke(line)
    assert done.exit_code == 0, done.stderr
    (out,) = (folder / "shop").iterdir()
    if "--kind budgets" in line:
        assert (out / "budgets.csv").read_text() == (
            "campaign_id,campaign,date,daily_budget,currency\n"
            '11111111101,"Spring, 20% off",2026-04-01,250.10,USD\n'
            "11111111102,Bundle - 3 for 2,2026-04-01,0.00,USD\n"  # paused
        )
    else:
        assert read_tables(out).sources["about"]


def test_the_docs_know_every_key_and_platform() -> None:
    keys = re.findall(r"^\| (`[^|]*`) \|", DOCS.partition("## Keys of a mapping")[2], re.MULTILINE)
    named = {name for row in keys for name in re.findall(r"`(\w+)`", row)}
    assert named == set(Mapping.model_fields)
    fields = set(re.findall(r"\w+", DOCS.partition("A field is one of `")[2].partition("`")[0]))
    assert fields - {"text_1", "text_2"} == set(FIELDS)
    assert all(f"`{platform}`" in DOCS for platform in Platform)
    assert len(COMMANDS) == 5


def test_texts_of_a_second_file_and_the_discount_in_them(folder: Path) -> None:
    assert invoke(next(line for line in COMMANDS if "texts.yaml" in line)).exit_code == 0
    promotions = read_tables(folder / "shop" / "with-texts").promotions.set_index("campaign_id")
    shoes, socks = promotions.loc["11111111101"], promotions.loc["11111111102"]
    said = "20% off running shoes. This week only. Free returns for 60 days"
    assert shoes["text"] == said
    assert (shoes["discount"], socks["text"]) == (0.2, "Socks: 3 for 2. Mix all colours")


def test_the_written_mapping_repeats_the_import(folder: Path) -> None:
    line = next(line for line in COMMANDS if "texts.yaml" in line)
    assert invoke(line).exit_code == 0
    again = line.replace("texts.yaml", "shop/with-texts/mapping.yaml")
    assert invoke(again.replace("--out shop/with-texts", "--out deeper/again/here")).exit_code == 0
    for name in ("promotions.csv", "placements.csv", "segments.csv", "performance.csv"):
        one, other = folder / "shop" / "with-texts" / name, folder / "deeper/again/here" / name
        assert one.read_bytes() == other.read_bytes()


def test_the_summary_accounts_for_every_column_and_row(folder: Path) -> None:
    line = "promopilot data import --platform google-ads google_ads_en.csv --out o --json"
    done = invoke(line)
    summary = json.loads(done.stdout)
    became = {row["column"]: row["became"] for row in summary["columns"]}
    assert len(became) == 14
    assert became["Cost"] == "used"
    assert became["Search impr. share"] == "used"
    assert became["CTR"] == "dropped"
    assert summary["rows"] == {
        "read": 8,
        "dropped": {"nothing was shown, clicked or spent": 1},
        "written": 7,
    }
    assert summary["days"] == {
        "first": "2026-03-01",
        "last": "2026-03-03",
        "count": 3,
        "without_rows": 0,
    }
    assert summary["totals"]["spend"] == 806.61
    assert summary["totals"]["conversions"] == 37  # of 36.83
    assert (summary["ok"], summary["currency"]) == (True, "USD")
    assert summary["next"] == "promopilot data check o"
    assert "placements.cpc" in summary["derived"]
    assert "total rows left out" in " ".join(summary["files"][0]["notes"])


GOOD = "Day,Campaign,Impr.,Clicks,Cost\n2026-03-01,Spring,100,5,2.50\n2026-03-02,Spring,90,4,2.10\n"
FAULTS = [
    ("", "a.csv must have a header and at least one row"),
    (GOOD.replace("2026-03-02", "03.2026"), "a.csv, row 3, column Day: '03.2026' is no date"),
    (GOOD.replace(",90,", ",ninety,"), "a.csv, row 3, column Impr.: 'ninety' is no number"),
    (GOOD.replace(",90,", ",-90,"), "column Impr.: '-90' must be at least 0; check which column"),
    (
        GOOD.replace("Impr.", "Seen"),
        "a.csv, column impressions must be there (how often ads were shown), but no column",
    ),
    (GOOD.replace(",90,4", ",90,4000"), "must not exceed impressions"),
    (GOOD.replace("Campaign", "Name of it"), "none of the columns names a campaign or an ad"),
    (GOOD.replace("Campaign", "E-mail"), "holds personal data"),
    (GOOD.replace("90,4", "90"), "a.csv, row 3"),
    (GOOD + "2026-03-02,Spring,90,4,2.10\n", "a.csv, row 4 is the same as row 3 in every cell"),
    (GOOD.replace("Spring,90", "TOTAL,90"), "must not be TOTAL or none"),
    (
        "Day,Campaign,Impr.,Clicks,Cost\n2026-03-02,Spring,0,0,0.00\n",
        "a.csv, column impressions must be above 0 in some row: nothing was shown, clicked or",
    ),
]


def test_a_day_on_which_nothing_happened_stays_a_day(folder: Path) -> None:
    rows = [f"2026-03-0{day},Spring,{shown},0,0.00\n" for day, shown in ((1, 80), (2, 0), (3, 70))]
    text = "Day,Campaign,Impr.,Clicks,Cost\n" + "".join(rows)
    (folder / "a.csv").write_text(text, encoding="utf-8")
    done = invoke("promopilot data import --platform google-ads a.csv --out o")
    assert done.exit_code == 0, done.stderr
    seen = read_tables(folder / "o").performance.groupby("date")["impressions"].sum()
    assert seen.tolist() == [80, 0, 70]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_a_fault_is_one_sentence_and_leaves_nothing(text: str, message: str, folder: Path) -> None:
    (folder / "a.csv").write_text(text, encoding="utf-8")
    done = invoke("promopilot data import --platform google-ads a.csv --out o")
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert not (folder / "o").exists()


MAPPINGS = [
    ("promotoin: campaign", "unknown key `$.promotoin`; did you mean `promotion`?"),
    ("promotion: Campain", "names 'Campain', but google_ads_en.csv has none; did you mean"),
    ("columns: {spend: Costs}", "columns.spend is 'Costs'"),
    ("columns: {spent: Cost}", "'spent' is no field; did you mean spend?"),
    ("platform: criteo", "is a mapping for criteo, but the import is for google-ads"),
    ("currency: euro", "`$.currency` is 'euro'"),
    ("dates: ymd", "$.dates"),
    ("discount: {pattern: '[0-9]+%'}", "must have one group"),
    ("as_of: file-name", "the name google_ads_en.csv holds no day"),
    ("texts: {file: no.csv, by: campaign_id, columns: [A]}", "no.csv cannot be read"),
    ("promotion: {constant: x, fields: [ad]}", "must be fields or a constant, not both"),
    ("- a", "is not a mapping of keys to values"),
]


@pytest.mark.parametrize(("text", "message"), MAPPINGS)
def test_a_faulty_mapping_is_named(text: str, message: str, folder: Path) -> None:
    (folder / "m.yaml").write_text(text, encoding="utf-8")
    line = "promopilot data import --platform google-ads --mapping m.yaml google_ads_en.csv --out o"
    done = invoke(line)
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert not (folder / "o").exists()


def test_a_folder_that_holds_something_is_left_alone(folder: Path) -> None:
    (folder / "o").mkdir()
    (folder / "o" / "mine.txt").write_text("keep")
    done = invoke("promopilot data import --platform criteo criteo.csv --out o")
    assert done.exit_code == 2
    assert "holds files that are no import; choose another --out" in done.stderr
    assert [path.name for path in (folder / "o").iterdir()] == ["mine.txt"]


BUDGETS = "Campaign ID,Campaign Name,Campaign Daily Budget,Start date\n1,A,10.25,2026-04-01\n"
BUDGET_FAULTS = [
    (BUDGETS + "1,A,11.00,2026-04-01\n", "has a second budget for what row 2 of b-EUR.csv has one"),
    (BUDGETS.replace("10.25", "10.2555"), "'10.2555' must be at least 0, in whole cents"),
    (BUDGETS.replace("10.25", ""), "column Campaign Daily Budget must be filled"),
    (BUDGETS.replace("1,A,", ",,"), "must be filled; name the campaign"),
]


@pytest.mark.parametrize(("text", "message"), BUDGET_FAULTS)
def test_a_faulty_budget_is_named(text: str, message: str, folder: Path) -> None:
    (folder / "b-EUR.csv").write_text(text, encoding="utf-8")
    line = "promopilot data import --platform meta-ads --kind budgets b-EUR.csv --out o"
    done = invoke(line)
    assert done.exit_code == 2, done.output
    assert message in done.stderr


def test_budgets_of_meta_with_the_currency_in_the_name(folder: Path) -> None:
    (folder / "b-EUR.csv").write_text(BUDGETS, encoding="utf-8")
    line = "promopilot data import --platform meta-ads --kind budgets b-EUR.csv --out o --json"
    summary = json.loads(invoke(line).stdout)
    assert (summary["currency"], summary["totals"]) == ("EUR", {"daily_budget": 10.25})
