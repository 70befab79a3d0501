"""Exports as platforms hand them out: encodings, delimiters, headers, totals, what is refused."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.experiments.errors import DataError
from promopilot.experiments.importing.dates import dates
from promopilot.experiments.importing.headers import Platform, recognise
from promopilot.experiments.importing.layout import DELIMITERS
from promopilot.experiments.importing.numbers import number_style, numbers
from promopilot.experiments.importing.personal import refuse_personal
from promopilot.experiments.importing.raw import read_export

SAMPLES = Path(__file__).parent / "data" / "import"
COUNTED = ("impressions", "clicks", "spend", "conversions", "conversion_value")
ROWS = "Day,Campaign,Cost\n2026-03-01,Spring,12.50\n2026-03-02,Spring,1.25\n"
# Name, notes, days, impressions, spend: the last two added up over the rows that count.
SAMPLE_FILES = [
    ("google_ads_en.csv", "2 total rows left out (rows 12, 13)", 3, 43_186, 806.61),
    ("google_ads_excel.csv", "UTF-16, tabs", 2, 24_412, 1_493.42),
    ("google_ads_de.csv", "Windows-1252, semicolons", 2, 25_392, 1_507.42),
    ("google_ads_zh.csv", "GB18030, commas", 2, 26_404, 520.44),
    ("google_ads_es.csv", "2 lines above the header left out", 2, 24_412, 1_493.42),
    ("google_ads_api.csv", "UTF-8, commas", 2, 24_412, 493_420_000),
    ("meta_ads_en.csv", "1 total row left out (row 2)", 2, 61_880, 400.12),
    ("meta_ads_fr.csv", "1 total row left out (row 5)", 2, 49_070, 1_326.82),
    ("meta_ads_zh.csv", "UTF-8, commas", 2, 36_100, 238.62),
    ("criteo.csv", "UTF-8, semicolons", 2, 87_782, 222.065),
]


def written(folder: Path, content: str | bytes, name: str = "export.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def platform_of(name: str) -> Platform:
    return next(p for p in Platform if name.startswith(p.replace("-", "_")))


@pytest.mark.parametrize(("name", "note", "days", "impressions", "spend"), SAMPLE_FILES)
def test_a_sample_has_the_totals_that_it_says_itself(name, note, days, impressions, spend):
    export = read_export(SAMPLES / name)
    refuse_personal(export)
    found = recognise(export.cells.column_names, platform_of(name))
    style = number_style([export.cells[found.columns[f]] for f in COUNTED if f in found.columns])
    day, bad = dates(export.cells[found.columns["date"]], None)
    assert note in export.notes
    assert not bad.any()
    assert len(np.unique(day)) == days
    for field, total in (("impressions", impressions), ("spend", spend)):
        values, wrong = numbers(export.cells[found.columns[field]], style)
        assert not wrong.any()
        assert np.nansum(values) == pytest.approx(total)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_encodings_and_delimiters_make_no_difference(tmp_path, encoding, delimiter, ends):
    text = "Campaign report\nDay,Campaign,Cost\n2026-03-01,Größe – 春,1\n2026-03-02,Été,2\n"
    content = text.replace(",", delimiter).replace("\n", ends).encode(encoding)
    export = read_export(written(tmp_path, content))
    assert export.cells.to_pydict() == {
        "Day": ["2026-03-01", "2026-03-02"],
        "Campaign": ["Größe – 春", "Été"],
        "Cost": ["1", "2"],
    }
    assert export.rows.tolist() == [3, 4]


@pytest.mark.parametrize(
    ("encoding", "note", "campaign"),
    [
        ("cp1252", "Windows-1252", "Größe, Été, 1 € “¡Oferta!”"),
        ("cp1252", "Windows-1252", "ÄÖÜ – süß"),
        ("latin-1", "Windows-1252", "Promoción del año"),
        ("gb18030", "GB18030", "春季大促销，全场八折"),
        ("gb18030", "GB18030", "50% off 满减"),
    ],
)
def test_code_pages_of_spreadsheets(tmp_path, encoding, note, campaign):
    content = f"Day;Campaign;Cost\n2026-03-01;{campaign};1\n".encode(encoding)
    export = read_export(written(tmp_path, content))
    assert export.notes == (f"{note}, semicolons",)
    assert export.cells["Campaign"].to_pylist() == [campaign]


def test_preamble_blank_rows_totals_and_remarks_are_left_out_and_rows_keep_their_numbers(tmp_path):
    text = (
        "Campaign report,,\n"
        '"March 1, 2026 - March 3, 2026",,\n'
        "\n"
        "\u200bDay , Campaign\u00a0 name,Cost\n"
        '2026-03-01,"Two\nlines, ""quoted""",1\n'
        ",,\n"
        "2026-03-02,Total Wine,2\n"
        "2026-03-03,Total,3\n"
        "Total: Account,--,6\n"
        "Total: Search,--\n"
        "Downloaded on March 4\n"
    )
    export = read_export(written(tmp_path, text))
    assert export.cells.to_pydict() == {
        "Day": ["2026-03-01", "2026-03-02", "2026-03-03"],
        "Campaign name": ['Two\nlines, "quoted"', "Total Wine", "Total"],
        "Cost": ["1", "2", "3"],
    }
    assert export.rows.tolist() == [5, 7, 8]
    assert export.notes == (
        "UTF-8, commas",
        "3 lines above the header left out",
        "2 total rows left out (row 9)",
        "1 line below the table left out",
    )


@pytest.mark.parametrize(
    "total",
    [
        "Total",
        "Total: Campaigns",
        "Total : compte",
        "Gesamt",
        "Gesamt: Konto",
        "Insgesamt",
        "总计",
        "合计",
        "总计：账号",
        "Total général",
        "Totales",
        "GRAND TOTAL",
        "Results from 3 campaigns",
    ],
)
def test_total_rows_in_five_languages(tmp_path, total):
    export = read_export(written(tmp_path, ROWS + f'"{total}",--,13.75\n'))
    assert export.rows.tolist() == [2, 3]


def test_files_put_one_below_the_other_have_one_header(tmp_path):
    export = read_export(written(tmp_path, ROWS + ROWS))
    assert export.rows.tolist() == [2, 3, 5, 6]
    assert export.notes[1:] == ("1 repeated header left out",)


def test_a_quote_inside_a_cell_is_a_letter(tmp_path):
    export = read_export(
        written(tmp_path, 'Day,Campaign,Cost\n2026-03-01,27" TV,1\n2026-03-02,x,2\n')
    )
    assert export.cells["Campaign"].to_pylist() == ['27" TV', "x"]


def test_one_column_twice_counts_once_if_its_values_are_the_same(tmp_path):
    export = read_export(written(tmp_path, "Day,Cost,Cost,\n2026-03-01,1,1,\n"))
    assert export.cells.column_names == ["Day", "Cost"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must have a header and at least one row"),
        (b"\xef\xbb\xbf \r\n", "must have a header and at least one row"),
        ("Day,Cost\n", "has a header, but no row below it"),
        ("just some words\n", "has no row with the names of two or more columns"),
        ("Day,Campaign,Cost\nTotal,--,1\n", "has no row below its header but totals"),
        ("Day,Cost\n2026-03-01,1,2\n", "row 2: '2026-03-01,1,2' must have 2 cells, but has 3"),
        ("x\n" + ROWS + "2026-03-03,1\n2026-03-04,S,1\n", "row 5: '2026-03-03,1' must have 3"),
        ("Day,Cost,Cost\n2026-03-01,1,2\n", "column Cost stands twice in the header"),
        ("Day,Cost,\n2026-03-01,1,2\n", "has no name above column 3"),
        (ROWS + '2026-03-03,"Summer,1\n2026-03-04,Summer,1\n', "row 4"),
        (ROWS.encode()[:-3] + b"\x00\n", "zero byte"),
        ("Día,Campaña\n1,año\n".encode() + b"\xff,x\n", "row 3: '0xff' is UTF-8 text, but"),
        ("Day,Campaign\n1,春節特賣大優惠\n".encode("big5"), "encoding that is not known here"),
        ("День,Кампания\n1,Весенняя распродажа\n".encode("cp1251"), "encoding that is not known"),
        (ROWS.encode("utf-16")[:-1], "is damaged"),
        (b"\x1f\x8b" + bytes(range(1, 90)), "is compressed; unpack it first"),
        (b"\xd0\xcf\x11\xe0" + bytes(90), "old or locked Excel workbook; save it as CSV UTF-8"),
        (b"%PDF-1.7\n", "is a PDF"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"PK\x03\x04" + bytes(90), "is no Excel workbook that can be read"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(tmp_path, content, message):
    with pytest.raises(DataError, match=r"export\.csv") as refusal:
        read_export(written(tmp_path, content))
    assert message in str(refusal.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(DataError, match=r"cannot be read .*; check the name"):
            read_export(path)


def test_every_broken_row_is_told(tmp_path):
    with pytest.raises(DataError) as refusal:
        read_export(written(tmp_path, ROWS + "a,b\n2026-03-03,S,1\nc,d\n2026-03-04,S,1\n"))
    assert [problem.row for problem in refusal.value.problems] == [4, 6]


@pytest.fixture
def workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (
        ["Campaign report"],
        ["Day", "Campaign", "Cost", "Clicks"],
        [np.datetime64("2026-03-01").item(), "Spring", 1.234, 7],
        [np.datetime64("2026-03-02").item(), "Spring", 12.5, 1234567],
        ["Total: Account", "--", 13.734, 1234574],
    ):
        book.active.append(row)
    book.create_sheet("other")
    path = tmp_path / "export.xlsx"
    book.save(path)
    return path


def test_a_damaged_workbook_is_read_or_refused_with_its_name(tmp_path, workbook):
    content = workbook.read_bytes()
    rng = random.Random(0)
    refused = 0
    for _ in range(40):
        place = rng.randrange(4, len(content))
        damaged = content[:place] + rng.randbytes(rng.randrange(1, 30)) + content[place + 9 :]
        try:
            understood(written(tmp_path, damaged, "generic.xlsx"))
        except DataError as error:
            refused += error.problems[0].file == "generic.xlsx"
    assert refused > 20


def test_a_workbook_reads_as_its_csv_would(workbook):
    export = read_export(workbook)
    cost, clicks = export.cells["Cost"], export.cells["Clicks"]
    style = number_style([cost, clicks])
    assert export.notes[0] == "sheet 'Sheet' of an Excel workbook, one of 2"
    assert export.rows.tolist() == [3, 4]
    assert export.cells["Day"].to_pylist() == ["2026-03-01", "2026-03-02"]
    assert numbers(cost, style)[0].tolist() == [1.234, 12.5]
    assert numbers(clicks, style)[0].tolist() == [7, 1234567]


CELL = st.text(
    st.characters(codec="utf-8", exclude_characters="\r", exclude_categories=["Cc", "Cs"]),
    max_size=12,
).filter(lambda cell: cell.strip() == cell and not cell.lower().startswith("tot"))


@settings(max_examples=40)
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8), st.sampled_from(list(DELIMITERS)))
def test_cells_come_back_as_they_were_written(tmp_path_factory, cells, delimiter):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(["Day", "Campaign", "Ad"])
    writer.writerows(["2026-03-01", *pair] for pair in cells)
    export = read_export(written(tmp_path_factory.mktemp("x"), text.getvalue()))
    back = zip(export.cells["Campaign"].to_pylist(), export.cells["Ad"].to_pylist(), strict=True)
    assert [(a or "", b or "") for a, b in back] == cells


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with one to three things wrong with it."""
    for _ in range(rng.randint(1, 3)):
        kind = rng.randrange(8)
        lines = content.split(b"\n")
        at, place = rng.randrange(len(lines)), rng.randrange(max(1, len(content)))
        if kind == 0:
            content = content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]
        elif kind == 1:
            content = content[:place] + content[place + rng.randrange(9) :]
        elif kind == 2:
            content = b"\n".join(lines[:at] + lines[at + 1 :])
        elif kind == 3:
            content = b"\n".join([*lines[:at], lines[at], *lines[at:]])
        elif kind == 4:
            sign = rng.choice([b",", b";", b"\t", b'"'])
            content = content.replace(sign, rng.choice([b";", b"|"]))
        elif kind == 5:
            sign = rng.choice([b'"', b"\n", b",", b"\0", b"\xff\xfe"])
            content = content[:place] + sign + content[place:]
        elif kind == 6:
            content = content[:place]
        else:
            decoded = content.decode("utf-8", "ignore")
            content = decoded.encode(rng.choice(["utf-16", "gb18030", "utf-8-sig", "utf-16-be"]))
    return content


def understood(path: Path) -> None:
    """Reads an export and its cells.

    Raises:
        DataError: It cannot be read.
    """
    export = read_export(path)
    refuse_personal(export)
    found = recognise(export.cells.column_names, platform_of(path.name))
    columns = [export.cells[found.columns[f]] for f in COUNTED if f in found.columns]
    parsed = [numbers(column, number_style(columns)) for column in columns]
    if "date" in found.columns:
        parsed.append(dates(export.cells[found.columns["date"]], None, file=export.file))
    assert all(len(values) == len(bad) == len(export.rows) for values, bad in parsed)
    assert np.all(np.diff(export.rows) > 0)


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_export_is_read_or_refused_with_its_name(tmp_path, seed):
    rng = random.Random(seed)
    for sample in sorted(SAMPLES.glob("*.csv")):
        path = written(tmp_path, mutated(sample.read_bytes(), rng), sample.name)
        refusals = []
        try:
            understood(path)
        except DataError as error:
            refusals = [problem.file for problem in error.problems]
        assert set(refusals) <= {sample.name}
