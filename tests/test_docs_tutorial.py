"""docs/tutorial.md: all its commands run, one after another, and leave what the page says."""

import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.example import example_tables
from tests.small_shop import write_small_bert
from tests.typed_commands import look_through, typed

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "tutorial.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^promopilot .*$", TEXT, re.MULTILINE)
BLOCKS = re.findall(r"^```\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COUNTS = ("impressions", "clicks", "conversions")
NETWORKS = {"home-banner": "Display Network", "search": "Google search", "email": "Search partners"}


def export_of(rows: pd.DataFrame) -> str:
    """Rows by day, campaign and network as the report of Google Ads that the page shows."""
    above, days, header = BLOCKS[0].splitlines()[:3]
    export = rows[["date", "text", "number", "network"]].assign(
        currency="USD",
        impressions=rows["impressions"].map("{:,}".format),
        clicks=rows["clicks"],
        spend=rows["spend"].map("{:,.2f}".format),
        conversions=rows["conversions"].map("{:.2f}".format),
        value=rows["value"].map("{:,.2f}".format),
    )
    return f"{above}\n{days}\n{header}\n" + export.to_csv(index=False, header=False)


def google_export() -> str:
    """The example shop's history as a report of Google Ads."""
    tables = example_tables(0)
    terms = tables["promotions"][["promotion_id", "text", "price", "discount"]]
    counts = ["impressions", "clicks", "conversions", "spend"]
    rows = tables["performance"].groupby(["date", "promotion_id", "placement_id"], sort=False)
    frame = rows[counts].sum().reset_index().merge(terms, on="promotion_id")
    number = frame["promotion_id"].astype("category").cat.codes.astype("int64")
    return export_of(
        frame.assign(
            number=number + 11111111101,
            network=frame["placement_id"].map(NETWORKS),
            value=frame["conversions"] * frame["price"] * (1 - frame["discount"]),
        )
    )


def export_since(plan: Path) -> str:
    """The plan's first three days as a report of Google Ads: all comes as it was expected."""
    rows = pd.read_csv(plan, dtype={"campaign_id": str})
    rows = rows[rows["date"].isin(sorted(rows["date"].unique())[:3])]
    shown = {name: rows[f"expected_{name}"].round().astype(int) for name in COUNTS}
    return export_of(
        rows.assign(
            text=rows["promotion_id"],
            number=rows["campaign_id"],
            network=rows["placement_id"],
            spend=rows["planned_budget"],
            value=rows["expected_conversion_value"],
            **shown,
        )
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an analyst begins: the export, and here a BERT of eight numbers."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "google.csv").write_text(google_export(), encoding="utf-8")
    write_small_bert(folder)
    return folder


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, str]:
    """Standard output of every command of the page, each run as it stands there, in order."""
    told = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in COMMANDS:
            arguments = line.split()[1:]
            if arguments[0] == "run":
                look_through(Path("shop/config.yaml"))
            export = next((one for one in arguments if re.fullmatch(r"google-.*\.csv", one)), "")
            if export and not Path(export).is_file():
                Path(export).write_text(export_since(Path("runs/shop/plan.csv")), encoding="utf-8")
            told[line] = typed(line)
    return told


def of(said: dict[str, str], start: str) -> str:
    """What the one command that starts so has said."""
    (found,) = (told for line, told in said.items() if line.startswith(f"promopilot {start}"))
    return found


def test_every_command_has_run_and_left_what_the_page_names(
    said: dict[str, str], folder: Path
) -> None:
    assert list(said) == COMMANDS
    files = set(re.findall(r"`((?:shop|runs)/[\w./-]+\.\w+)`", TEXT))
    assert {"shop/ads/mapping.yaml", "runs/shop/report.html", "runs/shop/plan.csv"} <= files
    assert {name for name in files if not (folder / name).is_file()} == set()


def test_the_import_says_what_the_page_shows(said: dict[str, str]) -> None:
    shown = next(block for block in BLOCKS if block.startswith("google.csv:"))
    assert said[COMMANDS[1]].startswith(shown)
    assert "shop/ads is fine" in of(said, "data check")


def test_the_run_ends_with_a_plan_and_the_limited_plan_is_one_too(
    said: dict[str, str], folder: Path
) -> None:
    assert "Recommended: " in of(said, "run")
    plan, limited = (pd.read_csv(folder / name) for name in ("runs/shop/plan.csv", "limited.csv"))
    assert list(plan.columns) == list(limited.columns)
    assert plan["date"].nunique() == 7
    # The same limits as the run's, so the same plan.
    assert limited["planned_budget"].sum() == plan["planned_budget"].sum() > 0


def test_the_bulk_files_are_read_back_to_the_plans_money(
    said: dict[str, str], folder: Path
) -> None:
    files = sorted(map(str, (folder / "google-budgets").glob("*.csv")))
    assert files
    again = ["data", "import", "--platform", "google-ads", "--kind", "budgets", *files]
    done = CliRunner().invoke(app, [*again, "--out", str(folder / "budgets")])
    assert done.exit_code == 0, done.output
    read = pd.read_csv(folder / "budgets" / "budgets.csv")
    plan = pd.read_csv(folder / "runs" / "shop" / "plan.csv")
    daily = plan.groupby(["campaign_id", "date"])["planned_budget"].sum().round(2)
    budgets = read.set_index(["campaign_id", "date"])["daily_budget"]
    assert len(budgets) > 0
    assert budgets.to_dict() == daily.reindex(budgets.index).to_dict()


def test_the_update_plans_the_four_days_that_are_left(said: dict[str, str], folder: Path) -> None:
    assert "3 of 7 days are over" in of(said, "update")
    (plan,) = (folder / "runs" / "shop" / "updates").glob("*/plan.csv")
    dates = pd.read_csv(plan)["date"]
    first = pd.read_csv(folder / "runs" / "shop" / "plan.csv")["date"]
    assert sorted(dates.unique()) == sorted(first.unique())[3:]


def test_the_pages_that_it_names_are_there() -> None:
    pages = set(re.findall(r"\]\(([\w/]+\.md)\)", TEXT))
    assert {"import.md", "tables.md", "numbers.md", "report.md", "commands/README.md"} <= pages


def test_files_for_a_platform_that_the_campaigns_are_not_of_say_so(
    said: dict[str, str], folder: Path
) -> None:
    for platform, warns in (("meta-ads", True), ("google-ads", False)):
        out = folder / f"again-{platform}"
        asked = ["plan", str(folder / "runs" / "shop"), "--format", platform, "--out", str(out)]
        done = CliRunner().invoke(app, asked)
        assert done.exit_code == 0, done.output
        told = (" ".join(done.output.split()), (out / "README.txt").read_text(encoding="utf-8"))
        assert [("imported from Google Ads" in one) for one in told] == [warns, warns]
