"""What the cells of an export mean: numbers, days, headers; persons' data are refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.experiments.errors import DataError
from promopilot.experiments.importing.dates import dates
from promopilot.experiments.importing.headers import Platform, is_ratio, recognise
from promopilot.experiments.importing.numbers import NumberStyle, bounds, number_style, numbers
from promopilot.experiments.importing.personal import refuse_personal
from promopilot.experiments.importing.raw import RawExport

POINT = NumberStyle(".", ",")
COMMA = NumberStyle(",", ".")


def column(*cells: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(cells, pa.string())])


def export(name: str, *cells: str) -> RawExport:
    rows = np.arange(4, 4 + len(cells))
    return RawExport("export.csv", pa.table({name: column(*cells)}), rows, ())


@pytest.mark.parametrize(
    ("style", "cell", "value"),
    [
        (POINT, "1,234,567.80", 1234567.8),
        (POINT, "1,23,456.78", 123456.78),  # as in India
        (POINT, "$1,234.50", 1234.5),
        (POINT, "CN¥3", 3),
        (POINT, "US$ 3.20", 3.2),
        (POINT, "EUR 12", 12),
        (POINT, "12 元", 12),
        (POINT, "(1,000)", -1000),
        (POINT, "12.5-", -12.5),
        (POINT, "-$2", -2),
        (POINT, "\u22127", -7),
        (POINT, "12%", 0.12),
        (POINT, " 8 ", 8),
        (POINT, "+5", 5),
        (POINT, ".5", 0.5),
        (POINT, "1.5E+03", 1500),
        (POINT, "1'234.50", 1234.5),
        (COMMA, "1.234,50 €", 1234.5),
        (COMMA, "1\u202f234,50", 1234.5),
        (COMMA, "1 234,50", 1234.5),
        (COMMA, "12,5 %", 0.125),
        (COMMA, "1.234", 1234),
    ],
)
def test_a_number(style, cell, value):
    values, bad = numbers(column(cell), style)
    assert values[0] == pytest.approx(value)
    assert not bad[0]


def test_missing_cells_and_bounds_are_no_values_and_no_faults():
    cells = column(None, "", " ", "-", "--", "—", "n/a", "N/A", "< 10%", "> 90 %", "7")
    values, bad = numbers(cells, POINT)
    assert np.isnan(values).tolist() == [True] * 10 + [False]
    assert not bad.any()
    assert bounds(cells) == 2


@pytest.mark.parametrize(
    ("style", "cell"),
    [
        *(
            (POINT, c)
            for c in ("12,34", "1,2,3", "1.2.3", "abc", "1.2K", "(1", "12 XYZ", "1e999", "$ ")
        ),
        *((COMMA, c) for c in ("1.5", "12.34", "1,2,3")),
    ],
)
def test_what_is_no_number_is_told_and_never_guessed(style, cell):
    values, bad = numbers(column("1", cell), style)
    assert np.isnan(values).tolist() == [False, True]
    assert bad.tolist() == [False, True]


@settings(max_examples=50)
@given(
    st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1, max_size=20),
    st.sampled_from([POINT, COMMA]),
    st.sampled_from(["{}", "{} €", "$ {}", "EUR {}"]),
)
def test_amounts_come_back_as_they_were_written(amounts, style, shape):
    swap = str.maketrans(",.", ".,") if style == COMMA else {}
    cells = [shape.format(f"{amount:,.2f}".translate(swap)) for amount in amounts]
    told = number_style([column(*cells)])
    values, bad = numbers(column(*cells), told)
    assert (told.decimal, told.note) == (style.decimal, "")
    assert not bad.any()
    assert values.tolist() == [float(amount) for amount in amounts]


@pytest.mark.parametrize(
    ("columns", "decimal"),
    [
        ([["1,234"], ["1.5"]], "."),
        ([["1.234"], ["1,5"]], ","),
        ([["1.234", "1500"]], "."),  # four digits stand ungrouped
        ([["1.234.567"]], ","),
        ([["0,123"]], ","),
        ([["1.234,5"]], ","),
        ([["12,34", "1.5", "2.5"]], "."),  # the more numerous decide
        ([["12", None], []], "."),
        ([], "."),
    ],
)
def test_the_decimal_mark_is_told_from_all_columns(columns, decimal):
    told = number_style([column(*cells) for cells in columns])
    assert (told.decimal, told.note) == (decimal, "")


@pytest.mark.parametrize(("cell", "decimal"), [("1,234", "."), ("1.234", ",")])
def test_where_a_file_leaves_the_mark_open_a_note_says_so(cell, decimal):
    told = number_style([column(cell, "12")])
    assert told.decimal == decimal
    assert told.note == f"{cell!r} was read as thousands: the file leaves it open"


@pytest.mark.parametrize(
    "cell",
    [
        "2026-03-01",
        "2026/3/1",
        "2026.03.01",
        "20260301",
        "01.03.2026",
        "1.3.26",
        "Mar 1, 2026",
        "March 1st, 2026",
        "Sun, Mar 1, 2026",
        "1-Mar-2026",
        "1 mars 2026",
        "1er mars 2026",
        "1. März 2026",
        "1 mar 2026",
        "1 de marzo de 2026",
        "dim. 1 mars 2026",
        "2026年3月1日",
        "2026-03-01 00:00:00",
        "2026-03-01T00:00:00Z",
    ],
)
def test_a_day(cell):
    days, bad = dates(column(cell, None, "--"), None)
    assert days[0] == np.datetime64("2026-03-01")
    assert np.isnat(days[1:]).all()
    assert not bad.any()


@pytest.mark.parametrize(
    "cell", ["2026-02-30", "2026-03-01 05:00", "March", "2026-03", "1 foo 2026", "0026-03-01", "7"]
)
def test_what_is_no_day_is_told(cell):
    days, bad = dates(column("2026-03-01", cell), None)
    assert np.isnat(days).tolist() == bad.tolist() == [False, True]


@pytest.mark.parametrize(
    ("cells", "hint", "first"),
    [
        (["3/4/2026", "3/13/2026"], None, "2026-03-04"),
        (["3/4/2026", "13/3/2026"], None, "2026-04-03"),
        (["03-04-2026"], "dmy", "2026-04-03"),
        (["3/4/2026"], "mdy", "2026-03-04"),
        (["4/4/2026"], None, "2026-04-04"),
    ],
)
def test_the_order_of_day_and_month_is_told_from_all_rows(cells, hint, first):
    days, bad = dates(column(*cells), hint)
    assert days[0] == np.datetime64(first)
    assert not bad.any()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["3/3/2026", "3/4/2026"], "'3/4/2026' can be day/month or month/day, and no row tells"),
        (["46082", "46083"], "'46082' is a day as Excel counts it, not a date; format the column"),
    ],
)
def test_days_that_can_be_two_are_refused(cells, message):
    with pytest.raises(DataError) as refusal:
        dates(column(*cells), None, file="export.csv", name="Day")
    assert str(refusal.value).startswith("export.csv, column Day: ")
    assert message in str(refusal.value)


@given(
    st.dates(
        min_value=np.datetime64("1990-01-01").item(), max_value=np.datetime64("2099-12-31").item()
    )
)
def test_every_day_comes_back(day):
    cells = [day.isoformat(), f"{day:%d.%m.%Y}", f"{day:%b} {day.day}, {day.year}"]
    days, _ = dates(column(*cells), None)
    assert days.tolist() == [day] * 3


@pytest.mark.parametrize(
    ("platform", "headers", "columns"),
    [
        (
            Platform.GOOGLE_ADS,
            ["Tag", "Kampagne", "Kosten (EUR)", "CTR", "Anzeigentitel 1", "Beschreibung 1"],
            {
                "date": "Tag",
                "campaign": "Kampagne",
                "spend": "Kosten (EUR)",
                "text_1": "Anzeigentitel 1",
                "text_2": "Beschreibung 1",
            },
        ),
        (
            Platform.META_ADS,
            ["单日", "广告系列名称", "花费 (CNY)", "展示次数"],
            {
                "date": "单日",
                "campaign": "广告系列名称",
                "spend": "花费 (CNY)",
                "impressions": "展示次数",
            },
        ),
        (
            Platform.CRITEO,
            ["AdsetId", "Day", "Displays", "advertiser_cost"],
            {
                "adset_id": "AdsetId",
                "date": "Day",
                "impressions": "Displays",
                "spend": "advertiser_cost",
            },
        ),
        (
            Platform.GENERIC,
            ["FECHA", "campaign", "spend_eur", "Orders"],
            {
                "date": "FECHA",
                "campaign": "campaign",
                "spend": "spend_eur",
                "conversions": "Orders",
            },
        ),
    ],
)
def test_headers_in_the_platforms_languages(platform, headers, columns):
    assert recognise(headers, platform).columns == columns


def test_the_currency_of_a_header_and_what_means_nothing():
    found = recognise(["Day", "Amount spent (USD)", "Reactions (abc)"], Platform.META_ADS)
    assert (found.currency, found.unknown) == ("USD", ("Reactions (abc)",))
    assert recognise(["Cost (€)"], Platform.GOOGLE_ADS).currency == "EUR"
    assert recognise(["Cost ($)"], Platform.GOOGLE_ADS).currency is None  # which dollar?


@pytest.mark.parametrize(
    ("header", "ratio"),
    [
        *(
            (h, True)
            for h in ("CTR", "CTR (all)", "Avg. CPC", "Cost / conv.", "Kosten pro Ergebnis")
        ),
        *((h, True) for h in ("Conv. value / cost", "Purchase ROAS", "点击率", "Conv. rate")),
        *((h, True) for h in ("Frequency", "Search impr. share", "CPM (cost per 1,000) (EUR)")),
        *((h, False) for h in ("Cost", "Clicks", "Campaign", "Conv. value", "Result indicator")),
    ],
)
def test_ratios_are_told_by_the_header(header, ratio):
    assert is_ratio(header) == ratio


@pytest.mark.parametrize("header", ["Cost (micros)", "cost_micros", "metrics.cost_micros"])
def test_micros_are_told_by_the_header(header):
    found = recognise([header], Platform.GOOGLE_ADS)
    assert (found.columns, found.micros) == ({"spend": header}, {"spend"})


def test_of_two_columns_of_one_field_the_preferred_one_counts():
    headers = ["Clicks (all)", "Results", "Reporting starts", "Day", "Link clicks", "Purchases"]
    found = recognise(headers, Platform.META_ADS)
    assert found.columns == {"clicks": "Link clicks", "conversions": "Purchases", "date": "Day"}
    assert found.instead == {
        "Clicks (all)": "clicks",
        "Results": "conversions",
        "Reporting starts": "date",
    }


PERSONAL = [  # a cell, what it looks like, how it is shown
    ("jane.doe@example.com", "an e-mail address", "'j…@e….com'"),
    ("Spring, ask x@shop.co.uk", "an e-mail address", "'x…@s….uk'"),
    ("Jane Doe <jane@例子.com>", "an e-mail address", "'j…@例….com'"),
    ("+49 30 1234567", "a telephone number", "'+4…67'"),
    ("+4930123456", "a telephone number", "'+4…56'"),
    ("0049 30 1234567", "a telephone number", "'00…67'"),
    ("+44 (0)20 7946 0958", "a telephone number", "'+4…58'"),
    ("+33 1 23 45 67 89", "a telephone number", "'+3…89'"),
    ("+86 138 0013 8000", "a telephone number", "'+8…00'"),
    ("+55 11 91234-5678", "a telephone number", "'+5…78'"),
    ("Ask Jane (+49 171 1234567)", "a telephone number", "'+4…67'"),
    ("Call +1 (555) 123-4567 now", "a telephone number", "'+1…67'"),
    ("Tel.: 030 1234567", "a telephone number", "'03…67'"),
    ("06 12 34 56 78", "a telephone number", "'06…78'"),
    ("555-123-4567", "a telephone number", "'55…67'"),
    ("(030) 1234-5678", "a telephone number", "'03…78'"),
    ("电话：13812345678", "a telephone number", "'13…78'"),
    ("138 1234 5678", "a telephone number", "'13…78'"),
]


@pytest.mark.parametrize(("cell", "what", "shown"), PERSONAL)
def test_addresses_and_numbers_of_persons_are_refused_masked(cell, what, shown):
    with pytest.raises(DataError) as refusal:
        refuse_personal(export("Ad", "Spring sale", cell))
    assert str(refusal.value).startswith(f"export.csv, row 5, column Ad: {shown} looks like {what}")
    assert cell not in str(refusal.value)


@pytest.mark.parametrize(
    "header",
    [
        *(
            "First name",
            "customer_email",
            "E-Mail-Adresse",
            "Emails",
            "Kundenname",
            "Customer name",
        ),
        *(
            "Vor- und Nachname",
            "Kundenname",
            "Name des Kunden",
            "Ansprechpartner",
            "Prénom",
            "Nom du client",
        ),
        *("Nombre y apellidos", "Nombre cliente", "Correo electrónico", "Téléphone", "PhoneNumber"),
        *("姓名", "客户姓名", "会员姓名", "收货人", "手机号", "IP address"),
    ],
)
def test_columns_of_persons_are_refused_by_their_header(header):
    with pytest.raises(DataError, match="holds personal data by its name"):
        refuse_personal(export(header, "x"))


def refused_columns(name: str, *cells: str, advertising: tuple[str, ...] = ()) -> list[str | None]:
    """What is refused of a column beside one that must be, so that a silent check fails."""
    beside = ["jane.doe@example.com"] * len(cells)
    table = export(name, *cells).cells.append_column("Contact", column(*beside))
    with pytest.raises(DataError) as refusal:
        refuse_personal(RawExport("export.csv", table, np.arange(len(cells)), ()), advertising)
    return [problem.column for problem in refusal.value.problems]


@pytest.mark.parametrize(
    "cell",
    [
        *("Spring_2026_03_01_v2", "Mobile 20260301", "Sale +50 2026-03-01", "Sale +1000 2026"),
        *("iPhone 15 128 256 512", "12345678901", "13812345678", "120212345678901234"),
        *("0012345678901", "2026-03-01", "01.03.2026", "20% off", "2026-03-01 - 2026-03-31"),
        *("1,234,567.89", "1.234.567,89", "1 234 567 890", "(1,234)", "shop@home"),
        *("@brand.official", "18-24", "+20% extra", "3 for 2 + 10%", "Tel Aviv 2026"),
    ],
)
def test_names_ids_prices_and_days_are_no_personal_data(cell):
    assert refused_columns("Campaign name", cell) == ["Contact"]


@pytest.mark.parametrize("header", ["Customer ID", "Campaign name", "Name", "Account name"])
def test_account_numbers_and_names_of_things_are_no_personal_data(header):
    cell = "576-909-9795" if header == "Customer ID" else "Spring"
    assert refused_columns(header, cell) == ["Contact"]


@pytest.mark.parametrize("cell", ["Call 0800 123 456 now", "+49 30 1234567", "0800 123 456"])
def test_a_number_to_call_in_an_ad_is_advertising(cell):
    assert refused_columns("Headline 1", cell) == ["Headline 1", "Contact"]
    assert refused_columns("Headline 1", cell, advertising=("Headline 1",)) == ["Contact"]


def test_an_address_in_an_ad_is_refused_all_the_same():
    found = refused_columns("Ad", "write to a.b@shop.example", advertising=("Ad",))
    assert found == ["Ad", "Contact"]
