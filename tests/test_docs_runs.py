"""README and the pages whose commands need a run: each command runs, one after another.

Those of docs/tutorial.md, import.md and of offline-evaluation.md's files have tests of their own.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from promopilot.experiments.cli.reference import command_pages
from tests.small_shop import write_small_bert
from tests.test_ope_docs import COMMANDS, FILES, ON_FILES
from tests.typed_commands import look_through, small_sets, typed

ROOT = Path(__file__).parent.parent
EXPORT = Path(__file__).parent / "data" / "import" / "google_ads_en.csv"
EXAMPLES = {page.name: page.example.split(" && ")[0] for page in command_pages()}
BEGINS = re.compile(r"promopilot \w+ ")
# Run by `test_the_long_examples_run_too`; open-bandit by test_open_bandit.py, on made-up files.
LONG = ("promopilot demo", "promopilot bench", "promopilot data build complete-journey")
OTHERS = ("promopilot data build open-bandit",)


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(name: str) -> list[str]:
    """Commands of a page, each a line of a block."""
    blocks = re.findall(r"^```\n(.*?)^```", page(name), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if BEGINS.match(line)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where README's commands have run, from `init` to a plan and its evaluation."""
    folder = tmp_path_factory.mktemp("docs")
    write_small_bert(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in commands("README.md"):
            if line.startswith("promopilot run"):
                look_through(Path("my-shop/config.yaml"))
            typed(line)
        yield folder


def test_readmes_commands_leave_what_it_names(folder: Path) -> None:
    assert len(commands("README.md")) == 5
    made = ("plan.csv", "plan_summary.csv", "columns.md", "report.html", "metrics.json")
    assert [name for name in made if not (folder / "runs" / "my-shop" / name).is_file()] == []
    weekly = pd.read_csv(folder / "plan.csv")
    assert weekly["planned_budget"].sum() <= 5000
    assert (folder / "runs" / "ope" / "report.html").is_file()


def test_the_report_is_written_again(folder: Path) -> None:
    line, budgets = commands("docs/report.md")
    demo = Path(shutil.copytree(folder / "runs" / "my-shop", folder / "runs" / "demo"))
    before = (demo / "report.html").read_bytes()
    (demo / "report.html").unlink()
    assert "runs/demo/report.html" in typed(line)
    assert (demo / "report.html").read_bytes() == before
    told = typed(budgets)
    shown = re.search(r"^\| (budget \|.*next 1.00) \|", page("docs/report.md"), re.MULTILINE)
    assert shown is not None
    assert {name for name in shown[1].split(" | ") if name not in told} == set()
    assert (demo / "scenarios.json").is_file()


def test_a_plan_and_a_way_of_planning_are_evaluated_on_logs_of_their_market(folder: Path) -> None:
    typed("promopilot run my-shop/config.yaml --set flight.days=6 --out runs/six-days")
    lines = [line for line in COMMANDS if line not in ON_FILES]
    assert len(lines) == 4
    for line in lines:
        few = ["--flights", "16"] if "simulate" in line else ["--set", "ope.replicates=100"]
        assert ("verdict" in typed(line, *few)) is line.startswith("promopilot ope")
    for name in ("plan", "replanner"):
        assert (folder / "runs" / f"{name}-evaluation" / "report.html").is_file()


def test_readme_shows_the_stages_that_there_are(folder: Path) -> None:
    stages = json.loads((folder / "runs" / "my-shop" / "stages.json").read_text())["stages"]
    assert re.findall(r"^promopilot: (\w+) done in", page("README.md"), re.MULTILINE) == [*stages]


def test_pages_without_commands_have_none() -> None:
    assert commands("docs/limits.md") == commands("docs/numbers.md") == []


def prepared(folder: Path) -> dict[str, list[str]]:
    """What examples expect to find; and arguments that make them quick, by command."""
    runs, models = folder / "runs", folder / "models"
    if not (runs / "demo").exists():
        shutil.copytree(runs / "my-shop", runs / "demo")
    shutil.copytree(runs / "my-shop", runs / "shop")
    shutil.copy(EXPORT, folder / "report.csv")
    for name, text in FILES:
        (folder / name).write_text(text, encoding="utf-8")
    plan = pd.read_csv(runs / "shop" / "plan.csv")
    day = plan[plan["date"] == plan["date"].min()]
    columns = ["date", "promotion_id", "placement_id", "segment_id"]
    happened = day[columns].assign(
        impressions=day["expected_impressions"].round().astype(int),
        clicks=day["expected_clicks"].round().astype(int),
        conversions=day["expected_conversions"].round().astype(int),
        spend=day["planned_budget"],
    )
    happened.to_csv(folder / "export.csv", index=False)
    (folder / "configs").mkdir()
    shutil.copy(ROOT / "configs" / "tune.yaml", folder / "configs")
    models.mkdir()
    (models / "my").symlink_to("my-shop")
    few = small_sets()
    return {
        "run": ["--out", "runs/less", *few],
        "ope": ["--set", "ope.replicates=100", "--out", "runs/log"],
        "train": few,
        "tune": [*("--trials", "1"), *small_search()],
        "predictor fit": [*few[:6], "--seed", "0"],
    }


def small_search() -> list[str]:
    """Options that make a trial one of a moment."""
    few = {"steps": 0, "lessons": 0, "corrections": 0, "num_envs": 8, "training_flights": 8}
    sets = [*(f"agents.ppo.{key}={value}" for key, value in few.items()), "ray.cpus=1"]
    return [part for one in sets for part in ("--set", one)]


def test_the_examples_of_every_command_run(folder: Path) -> None:
    quick = prepared(folder)
    # Those that others build upon come first; `plan` gives `compare` a file to read.
    first = ("init", "run", "plan", "predictor fit")
    order = [*(f"promopilot {name}" for name in first), *EXAMPLES]
    shutil.rmtree(folder / "my-shop")
    for name in dict.fromkeys(order):
        if name in (*LONG, *OTHERS):
            continue
        line, short = EXAMPLES[name], name.removeprefix("promopilot ")
        if short == "run":
            look_through(Path("my-shop/config.yaml"), days=3)
        if short == "compare":
            typed("promopilot plan runs/demo --budget 3000")
            (other,) = (folder / "runs" / "demo" / "plans").glob("plan-*-line_item.csv")
            line = re.sub(r"\S+/plans/\S+", str(other), line)
        typed(line, *quick.get(short, []))
    for made in ("policies/my-shop", "rates.csv", "scores", "shop/data", "data/shop", "plan.csv"):
        assert (folder / made).exists()


@pytest.mark.slow  # a minute or more: the whole panel is read twice, and the market timed
def test_the_long_examples_run_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_small_bert(tmp_path)
    quick = {"promopilot demo": small_sets()}
    for name in LONG:
        typed(EXAMPLES[name], *quick.get(name, []))
    for made in ("runs/demo/report.html", "runs/bench/bench.json", "data/journey"):
        assert (tmp_path / made).exists()
