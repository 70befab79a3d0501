"""Damaged exports: a named error, or tables that `data check` accepts and whose totals are right.

Each mutation is drawn from its number alone, so that a failing one can be run again by itself.
"""

from __future__ import annotations

import csv
import io
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from promopilot.experiments.errors import ConfigError, DataError
from promopilot.experiments.importing.headers import Platform, recognise
from promopilot.experiments.importing.mapping import MEASURES, Mapping
from promopilot.experiments.importing.measures import COUNTED
from promopilot.experiments.importing.numbers import number_style, numbers
from promopilot.experiments.importing.raw import read_export
from promopilot.experiments.importing.run import import_performance
from promopilot.experiments.tables import read_tables

SAMPLES = sorted((Path(__file__).parent / "data" / "import").glob("*.csv"))
PLATFORMS = {
    sample.name: next(p for p in Platform if sample.name.startswith(p.replace("-", "_")))
    for sample in SAMPLES
    if not sample.name.startswith("texts")
}
CONTENT = {sample.name: sample.read_bytes() for sample in SAMPLES if sample.name in PLATFORMS}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "gb18030", "cp1252", "latin-1", "utf-16-le")
ODD_CELLS = (
    *("", " ", "--", "-", "n/a", "NaN", "inf", "-5", "(12)", "1e400", "1e5", "12,5", "1,234,56"),
    *("1.234,5", "< 10%", "> 90%", "99%", "€ 3", "3 USD", "０", "٣", "1 234", "0x1F", "true"),
    *("2026-02-30", "3/4/2026", "46082", "1900-01-01", "tomorrow", "Total", "none", "TOTAL", "\0"),
    *("a\nb", 'a"b', "a;b", "\u200b", "\ufeff", "=1+1", "x" * 5000, "me@shop.example", "<br>"),
)


def test_mutated_exports(tmp_path: Path) -> None:
    _check(range(300), tmp_path)


@pytest.mark.slow
def test_many_mutated_exports(tmp_path: Path) -> None:
    _check(range(300, 10_300), tmp_path)


def _check(numbers: range, folder: Path) -> None:
    imported = 0
    for number in numbers:
        name, content = mutated(number)
        try:
            imported += _import(name, content, folder)
        except Exception as error:
            error.add_note(f"mutation {number} of {name}: {content[:3000]!r}")
            raise
    # Both happen often: else the mutations would be too wild, or too tame, to say anything.
    assert 0.2 < imported / len(numbers) < 0.9


def _import(name: str, content: bytes, folder: Path) -> bool:
    """Whether the export could be imported; its tables are then checked."""
    path, out = folder / name, folder / "out"
    path.write_bytes(content)
    shutil.rmtree(out, ignore_errors=True)
    try:
        summary = import_performance([path], PLATFORMS[name], Mapping(), out)
    except (DataError, ConfigError):
        assert not out.exists()
        return False
    tables = read_tables(out)  # raises where `data check` finds a problem
    key = ["promotion_id", "placement_id", "segment_id"]
    items = tables.performance[key].drop_duplicates().shape[0]
    expected = _sums(path, PLATFORMS[name])
    for field, total in expected.items():
        kept = summary["totals"][field] + summary["left_out"].get(field, 0.0)
        assert tables.performance.get(field, np.zeros(1)).sum() == pytest.approx(
            summary["totals"][field]
        )
        most = 1.0 * items if field == "conversions" else 1e-6 * max(total, 1.0)
        assert abs(kept - total) <= most + 1e-6, f"{field}: {kept} written, {total} in the rows"
    return True


def _sums(path: Path, platform: Platform) -> dict[str, float]:
    """What the rows of the file add up to, summed column by column."""
    export = read_export(path)
    found = recognise(export.cells.column_names, platform)
    there = [field for field in MEASURES if field in found.columns]
    counted = [field for field in COUNTED if field in found.columns]
    style = number_style([export.cells[found.columns[field]] for field in counted])
    sums = {}
    for field in there:
        values, _ = numbers(export.cells[found.columns[field]], style)
        sums[field] = float(np.nansum(values)) / (1e6 if field in found.micros else 1)
    return sums


def mutated(number: int) -> tuple[str, bytes]:
    """The name of a sample, and its bytes after one to three mutations."""
    draw = random.Random(number)
    name = draw.choice(sorted(CONTENT))
    content = CONTENT[name]
    for _ in range(draw.choice((1, 1, 2, 3))):
        content = draw.choice(MUTATIONS)(content, draw)
    return name, content


def _flip_bytes(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        if changed:
            changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def _insert_bytes(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(content) + 1)
    return content[:at] + draw.randbytes(draw.randint(1, 3)) + content[at:]


def _other_encoding(content: bytes, draw: random.Random) -> bytes:
    return _text(content).encode(draw.choice(ENCODINGS), errors="replace")


def _drop_line(content: bytes, draw: random.Random) -> bytes:
    return _of_lines(content, lambda lines: lines.pop(draw.randrange(len(lines))))


def _repeat_line(content: bytes, draw: random.Random) -> bytes:
    return _of_lines(content, lambda lines: lines.insert(0, draw.choice(lines)))


def _swap_lines(content: bytes, draw: random.Random) -> bytes:
    return _of_lines(content, draw.shuffle)


def _blank_line(content: bytes, draw: random.Random) -> bytes:
    return _of_lines(content, lambda lines: lines.insert(draw.randrange(len(lines) + 1), ""))


def _odd_cell(content: bytes, draw: random.Random) -> bytes:
    def put(rows: list[list[str]]) -> None:
        row = draw.choice(rows)
        row[draw.randrange(len(row))] = draw.choice(ODD_CELLS)

    return _of_cells(content, draw, put)


def _swap_cells(content: bytes, draw: random.Random) -> bytes:
    def swap(rows: list[list[str]]) -> None:
        one, other = draw.choice(rows), draw.choice(rows)
        a, b = draw.randrange(len(one)), draw.randrange(len(other))
        one[a], other[b] = other[b], one[a]

    return _of_cells(content, draw, swap)


def _drop_cell(content: bytes, draw: random.Random) -> bytes:
    def drop(rows: list[list[str]]) -> None:
        row = draw.choice(rows)
        row.pop(draw.randrange(len(row)))

    return _of_cells(content, draw, drop)


def _garble_number(content: bytes, draw: random.Random) -> bytes:
    def garble(rows: list[list[str]]) -> None:
        row = draw.choice(rows)
        at = draw.randrange(len(row))
        digits = [n for n, letter in enumerate(row[at]) if letter.isdigit()] or [0]
        cut = draw.choice(digits)
        row[at] = row[at][:cut] + draw.choice("0123456789.,-% eE") + row[at][cut + 1 :]

    return _of_cells(content, draw, garble)


def _swap_columns(content: bytes, draw: random.Random) -> bytes:
    def swap(rows: list[list[str]]) -> None:
        width = min(len(row) for row in rows)
        a, b = draw.randrange(width), draw.randrange(width)
        for row in rows:
            row[a], row[b] = row[b], row[a]

    return _of_cells(content, draw, swap)


def _rename_header(content: bytes, draw: random.Random) -> bytes:
    names = ["", "Cost", "Day", "Impressions", "Clicks", "Name", "E-mail", "费用", "x\ty", "Budget"]

    def rename(rows: list[list[str]]) -> None:
        row = draw.choice(rows[:4])
        row[draw.randrange(len(row))] = draw.choice(names)

    return _of_cells(content, draw, rename)


def _other_delimiter(content: bytes, draw: random.Random) -> bytes:
    return _of_cells(content, draw, lambda rows: None, draw.choice(",;\t|"))


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [
    *(_flip_bytes, _cut, _insert_bytes, _other_encoding, _drop_line, _repeat_line, _swap_lines),
    *(_blank_line, _odd_cell, _odd_cell, _swap_cells, _drop_cell, _garble_number, _garble_number),
    *(_swap_columns, _rename_header, _other_delimiter),
]


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    for codec in ("utf-8-sig", "gb18030", "cp1252"):
        try:
            return content.decode(codec)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _of_lines(content: bytes, change: Callable[[list[str]], object]) -> bytes:
    lines = _text(content).splitlines()
    if lines:
        change(lines)
    return "\n".join(lines).encode("utf-8", errors="replace")


def _of_cells(
    content: bytes,
    draw: random.Random,
    change: Callable[[list[list[str]]], object],
    delimiter: str | None = None,
) -> bytes:
    text = _text(content)
    old = max(",;\t|", key=text.count)
    rows = [row for row in csv.reader(text.splitlines(), delimiter=old) if row]
    if rows:
        change(rows)
    out = io.StringIO()
    ends = draw.choice(("\n", "\r\n"))
    csv.writer(out, delimiter=delimiter or old, lineterminator=ends).writerows(rows)
    return out.getvalue().encode("utf-8", errors="replace")
