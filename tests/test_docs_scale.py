"""docs/scale.md: its tables are those of its figures, and its arithmetic is right."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from promopilot.experiments.bench import arithmetic as day
from promopilot.experiments.bench import arithmetic_page as page
from promopilot.experiments.bench.arithmetic_figures import NAMES, Measured, named, read_figures
from promopilot.experiments.bench.family import taken_by
from promopilot.experiments.bench.scale_first import measure, write_log
from promopilot.experiments.cli.reference import command_pages
from promopilot.experiments.config import make_config

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "scale.md").read_text(encoding="utf-8")
# A machine on which a million takes 10 s, of which 1 s cannot be shared; memory in round numbers.
ROUND = Measured(
    date="2030-01-02",
    note="",
    cores=2,
    memory_gb=25.0,
    price=0.1,
    figures={
        "rows_seconds_per_million_5": 99.0,
        "rows_seconds_per_million_50": 10.0,
        "rows_mb_50": 3_000.0,
        "rows_first_seconds": 1.0,
        "rates_bytes": 100.0,
        "ope_rows": 5e6,
        "ope_local_seconds": 100.0,
        "ope_ray_seconds": 180.0,
        "ope_ray_mb": 4_500.0,
        "ope_first_seconds": 3.6,
        "ope_first_bytes": 100.0,
        "ope_log_bytes": 30.0,
        "ope_policy_bytes": 250.0,
        "host_alone_requests": 100_000 / 64 / 3600,
        "tune_speedup": 1.6,
    },
)


def test_the_tables_of_the_page_are_those_of_its_figures() -> None:
    measured = read_figures(DOCS / "figures" / "scale.json")
    assert set(re.findall(r"<!-- made: (\w+) -->", TEXT)) == set(page.TABLES)
    assert page.update_page(TEXT, measured) == TEXT, (
        "python -m promopilot.experiments.bench.arithmetic_page docs makes them anew"
    )
    assert {named(name, measured.figures) for name in NAMES} == set(measured.figures)


def test_another_figure_is_another_page() -> None:
    measured = read_figures(DOCS / "figures" / "scale.json")
    for name, value in measured.figures.items():
        other = replace(measured, figures=measured.figures | {name: 3 * value})
        assert page.update_page(TEXT, other) != TEXT, name
    assert page.update_page(TEXT, replace(measured, price=1.0)) != TEXT


def test_time_is_what_the_first_process_does_and_a_share_of_the_rest() -> None:
    scoring, evaluation = day.scoring(ROUND), day.evaluation(ROUND)
    # 1,000 million x (1 s + 9 s / n)
    assert [3600 * scoring.hours(n) for n in (1, 3, 9)] == pytest.approx([10_000, 4_000, 2_000])
    assert [evaluation.hours(n) for n in (1, 9)] == pytest.approx([10, 2])  # 36 s a million
    assert day.part_evaluation(ROUND).hours(10) == pytest.approx(1)
    assert day.most_times(scoring) == pytest.approx(10)
    assert day.Work(2.0, 3.0).hours(7) == day.Work(2.0, 3.0).hours(1)  # nothing to share
    assert day.most_times(day.Work(2.0, 3.0)) == 1.0


def test_a_day_is_texts_scores_and_parts() -> None:
    assert day.text_hours(ROUND) == pytest.approx(1)
    hours = 1 + (1_000 + 9_000 / 10) / 3600 + 1
    assert day.day_hours(ROUND, 10) == pytest.approx(hours)
    assert day.money(ROUND, 10) == pytest.approx(0.1 * 2 * 10 * hours)


def test_parts_fit_and_every_machine_has_as_many() -> None:
    assert day.memory_gb(ROUND, 5) == pytest.approx(4.5)
    assert day.memory_gb(ROUND, 1_000) == pytest.approx(4.5 + 99.5)
    assert day.fits(ROUND) == pytest.approx(160)  # 0.8 x 25 GB less 4 GB, at 100 bytes
    assert [day.parts(ROUND, n) for n in (1, 4, 7, 64)] == [7, 8, 7, 64]


def test_a_search_ends_with_its_last_trial() -> None:
    rounds = [day.search_hours(ROUND, n) / (2 / 1.6) for n in (1, 5, 32, 64)]
    assert rounds == pytest.approx([32, 7, 1, 1])


def bench_file(folder: Path, figures: dict[str, float]) -> Path:
    rows: dict[str, Any] = {name: {"value": value} for name, value in figures.items()}
    path = folder / "bench.json"
    path.write_text(json.dumps({"scale": rows}), encoding="utf-8")
    return path


def run(*given: object) -> "subprocess.CompletedProcess[str]":
    module = "promopilot.experiments.bench.arithmetic_page"
    command = [sys.executable, "-m", module, *map(str, given)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_page_is_made_anew_from_a_bench(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "figures").mkdir(parents=True)
    for name in ("scale.md", "figures/scale.json"):
        (docs / name).write_text((DOCS / name).read_text(encoding="utf-8"), encoding="utf-8")
    lacking = {name: value for name, value in ROUND.figures.items() if name != "ope_ray_mb"}
    refused = run(docs, bench_file(tmp_path, lacking))
    assert (refused.returncode, (docs / "scale.md").read_text(encoding="utf-8")) == (1, TEXT)
    assert "lacks 'ope_ray_mb': run `promopilot bench scale`" in refused.stderr
    made = run(docs, bench_file(tmp_path, {**ROUND.figures, "another": 1.0}))
    assert made.returncode == 0, made.stderr
    kept = read_figures(docs / "figures" / "scale.json")
    assert "rows_seconds_per_million_5" not in kept.figures
    assert kept.figures["rows_seconds_per_million_50"] == 10
    told = (docs / "scale.md").read_text(encoding="utf-8")
    assert "| a million rows scored (of 50 million), `--engine ray` | 10 s |" in told
    assert page.update_page(TEXT, kept) == told
    assert run(docs).returncode == 0
    assert (docs / "scale.md").read_text(encoding="utf-8") == told
    assert "name the folder" in run(tmp_path).stderr


def test_the_page_names_what_there_is() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert [link for link in links if not (DOCS / link).exists()] == []
    options = {
        option
        for command in command_pages()
        for how, _, _ in command.options
        for option in re.findall(r"--[a-z-]+", how)
    }
    for line in re.findall(r"promopilot [^`\n]*--[^`\n]*", TEXT):
        assert set(re.findall(r"--[a-z-]+", line)) <= options, line
    assert make_config({}, ["ray.address=10.0.0.1:6379", "ray.workers=8"]).ray.workers == 8
    [config] = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert "address: null" in config


def test_what_a_command_takes_is_seen(tmp_path: Path) -> None:
    write_log(2_000, tmp_path / "log.parquet")
    command = ["ope", str(tmp_path / "log.parquet"), "--policy", "always:a03"]
    spent = taken_by([*command, "--out", str(tmp_path / "out")])
    assert spent.first_seconds > 0.2
    assert spent.other_seconds < spent.first_seconds < 2 * spent.seconds
    assert min(spent.first_mb, spent.peak_mb) > 50
    with pytest.raises(RuntimeError, match="no-such"):
        taken_by(["ope", str(tmp_path / "no-such.parquet"), "--policy", "uniform"])


@pytest.mark.slow
def test_what_the_first_process_does_is_measured() -> None:
    found = measure((20_000, 60_000), (50_000, 150_000))
    asked = {name for name in NAMES if "first" in name or name.endswith("_bytes")}
    assert asked <= set(found)
    assert 50 < found["rates_bytes"]["value"] < 500
    assert 10 < found["ope_log_bytes"]["value"] < found["ope_policy_bytes"]["value"] < 1_000
