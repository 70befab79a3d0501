"""The tables of docs/scale.md, made of figures.

`python -m promopilot.experiments.bench.arithmetic_page docs` makes them anew from
docs/figures/scale.json. With a bench.json named behind it, its figures go there first.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.bench import arithmetic as day
from promopilot.experiments.bench.arithmetic import MACHINES
from promopilot.experiments.bench.arithmetic_figures import (
    Measured,
    named,
    of_bench,
    read_figures,
    write_figures,
)

PAGE, FIGURES = Path("scale.md"), Path("figures/scale.json")
_BLOCK = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def figures_table(measured: Measured) -> str:
    """What was measured."""
    rows, ope = day.scoring(measured), day.evaluation(measured)
    alone = 1e6 * measured["ope_local_seconds"] / measured["ope_rows"]
    scored = named("rows_seconds_per_million", measured.figures).rpartition("_")[2]
    size, decisions = f"{scored} million", f"{measured['ope_rows'] / 1e6:g} million"
    told = [
        (f"a million rows scored (of {size}), `--engine ray`", _seconds(rows.whole)),
        ("of that only the first process can do", _seconds(rows.first)),
        ("memory of all its processes", f"{_two(measured['rows_mb'] / 1e3)} GB"),
        ("a row of `rates.csv`", f"{measured['rates_bytes']:.0f} bytes"),
        (f"a million decisions evaluated (of {decisions}), `--engine local`", _seconds(alone)),
        ("the same, `--engine ray`", _seconds(ope.whole)),
        ("of that only the first process can do", _seconds(ope.first)),
        (
            f"memory of all its processes, at {decisions}",
            f"{_two(measured['ope_ray_mb'] / 1e3)} GB, and {measured['ope_first_bytes']:.0f} bytes "
            "for each further decision",
        ),
        ("a decision in the log's Parquet file", f"{measured['ope_log_bytes']:.0f} bytes"),
        (
            "its 20 probabilities and 20 ids in a policy's Parquet file",
            f"{measured['ope_policy_bytes']:.0f} bytes",
        ),
        ("new texts encoded", f"{_two(measured['host_alone_requests'] * 64)} a second"),
        ("16 short trials, against one after the other", f"{measured['tune_speedup']:.2f} times"),
    ]
    note = f", {measured.note}" if measured.note else ""
    head = f"| measured on {measured.date}, {measured.cores} cores{note} | |"
    return "\n".join([head, "|---|---|", *(f"| {what} | {much} |" for what, much in told)])


def day_table(measured: Measured) -> str:
    """Hours and money of a day's log."""
    local = day.part_evaluation(measured)
    lines: list[tuple[str, Callable[[int], str]]] = [
        ("encode 100,000 new texts", lambda n: _time(day.text_hours(measured))),
        ("score each decision, in one run", lambda n: _time(day.scoring(measured).hours(n))),
        ("evaluate it, in parts, each on one machine", lambda n: _time(local.hours(n))),
        ("parts", lambda n: f"{day.parts(measured, n)}"),
        ("**all of it**", lambda n: f"**{_time(day.day_hours(measured, n))}**"),
        (
            f"**money**, {measured.price:g} for a core and hour",
            lambda n: f"**{day.money(measured, n):.2f}**",
        ),
        (
            "evaluate it in one run instead",
            lambda n: _time(day.evaluation(measured).hours(n)),
        ),
    ]
    return _table("a billion decisions", lines)


def limits_list(measured: Measured) -> str:
    """What more machines do not help, and what has to fit."""
    rows, ope = day.scoring(measured), day.evaluation(measured)
    million = day.MILLIONS
    whole = day.memory_gb(measured, million)
    return "\n".join(
        [
            f"- Scoring gets at most {_two(day.most_times(rows))} times as fast as on one machine, "
            f"one run of the evaluation at most {_two(day.most_times(ope))} times.",
            f"- A machine of {measured.memory_gb:g} GB evaluates {_two(day.fits(measured))} "
            f"million decisions at a time. A billion in one run need {_two(whole)} GB on the "
            "machine where the command runs.",
            f"- On disk: the log {_two(million * measured['ope_log_bytes'] / 1e3)} GB, `rates.csv` "
            f"{_two(million * measured['rates_bytes'] / 1e3)} GB, and "
            f"{_two(million * measured['ope_policy_bytes'] / 1e3)} GB for a policy given as a file "
            "with 20 actions for each decision; a policy given by name needs none.",
        ]
    )


def search_table(measured: Measured) -> str:
    """Hours of a search."""
    return _table(
        "64 trials of an hour of one core",
        [("time", lambda n: _time(day.search_hours(measured, n)))],
    )


TABLES: dict[str, Callable[[Measured], str]] = {
    "figures": figures_table,
    "day": day_table,
    "limits": limits_list,
    "search": search_table,
}


def update_page(page: str, measured: Measured) -> str:
    """The page with its tables made of these figures; the rest of it stays.

    Raises:
        KeyError: A figure is missing, or the page names a table that there is not.
    """
    return _BLOCK.sub(lambda at: f"{at[1]}{TABLES[at[2]](measured)}\n{at[3]}", page)


def main() -> None:
    """Makes the tables of the page in the folder that is named."""
    if len(sys.argv) not in (2, 3) or not (Path(sys.argv[1]) / PAGE).is_file():
        sys.exit("name the folder of the documentation: docs, and a bench.json for new figures")
    docs = Path(sys.argv[1])
    if len(sys.argv) == 3:
        try:
            new = of_bench(Path(sys.argv[2]), read_figures(docs / FIGURES))
        except KeyError as error:
            sys.exit(f"{sys.argv[2]} lacks {error}: run `promopilot bench scale` to its end")
        write_figures(docs / FIGURES, new)
    page = (docs / PAGE).read_text(encoding="utf-8")
    write_text_atomic(docs / PAGE, update_page(page, read_figures(docs / FIGURES)))


def _table(head: str, lines: list[tuple[str, Callable[[int], str]]]) -> str:
    columns = [f"{n} machine{'s' * (n > 1)}" for n in MACHINES]
    rows = [[what, *map(tell, MACHINES)] for what, tell in lines]
    cells = [[head, *columns], ["---"] * (1 + len(columns)), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _time(hours: float) -> str:
    return f"{_two(hours)} h" if hours >= 1 else f"{_two(60 * hours)} min"


def _seconds(seconds: float) -> str:
    return f"{_two(seconds)} s"


def _two(value: float) -> str:
    """Two digits that count; whole numbers from 10 on."""
    if value >= 100:
        return f"{float(f'{value:.2g}'):,.0f}"
    return f"{value:.2g}" if value >= 10 else f"{float(f'{value:.2g}'):g}"


if __name__ == "__main__":
    main()
