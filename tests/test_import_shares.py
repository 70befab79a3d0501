"""Impression shares: what a line item could have been shown, and what a placement has to sell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promopilot.experiments.errors import DataError
from promopilot.experiments.importing.headers import Platform, recognise
from promopilot.experiments.importing.mapping import Mapping
from promopilot.experiments.importing.run import import_performance
from promopilot.experiments.tables import Tables, read_tables

SAMPLES = Path(__file__).parent / "data" / "import"
HEADER = "Day,Campaign,Network,Ad group,Impr.,Clicks,Cost,Search impr. share\n"
SHARES = [  # platform's language
    "Search impr. share",
    "metrics.search_impression_share",
    "Anteil an möglichen Impressionen im Suchnetzwerk",
    "Taux d'impressions sur le Réseau de Recherche",
    "Cuota de impresiones de búsqueda",
    "搜索网络展示次数份额",
]


def imported(
    folder: Path, text: str, platform: Platform = Platform.GOOGLE_ADS, **mapping: object
) -> Tables:
    file = folder / "export.csv"
    file.write_text(text, encoding="utf-8")
    import_performance([file], platform, Mapping.model_validate(mapping), folder / "out")
    return read_tables(folder / "out")


@pytest.mark.parametrize("header", SHARES)
def test_the_share_is_known_in_five_languages(header: str) -> None:
    found = recognise([header, "Impr."], Platform.GOOGLE_ADS)
    assert found.columns["impression_share"] == header


@pytest.mark.parametrize(
    ("name", "eligible", "supply"),
    [
        (
            "google_ads_en.csv",
            [19436, 19040, 1089, 19286, 18770, 1124, 19693],
            {"Google search": 20514, "Search partners": 19027},
        ),
        # 12,480 at 64.21 %, 11,932 at "< 10 %" and 980 at "> 90 %".
        ("google_ads_de.csv", [19436, 1089, 119320], {"all": 114381}),
    ],
)
def test_samples_tell_what_could_have_been_shown(
    tmp_path: Path, name: str, eligible: list[int], supply: dict[str, int]
) -> None:
    out = tmp_path / "out"
    summary = import_performance([SAMPLES / name], Platform.GOOGLE_ADS, Mapping(), out)
    tables = read_tables(out)
    assert tables.performance["eligible_impressions"].tolist() == eligible
    placements = tables.placements.set_index("placement_id")
    assert placements["daily_supply"].to_dict() == supply
    assert placements["own_supply"].eq(1).all()
    shares = tables.sources["performance.eligible_impressions"]
    assert shares.startswith("estimate: impressions / column ")
    assert "'< 10%' counts as 10%, '> 90%' as 90%" in shares
    assert tables.sources["placements.own_supply"].startswith("assumption: ")
    assert "eligible impressions" in tables.sources["placements.daily_supply"]
    assert {"performance.eligible_impressions", "placements.own_supply"} <= {*summary["derived"]}


CELLS = [  # of two rows of one line item and day, 100 and 50 impressions; what could be shown
    ("50%", "25%", 400),
    ("0.5", "0.25", 400),  # as the API writes it
    ("50%", "--", 250),  # a row without a share counts what it had
    ("--", "", None),
    ("< 10%", "> 90%", 1056),
    ("100%", "100%", 150),
    ("50%", "0", 250),  # none were eligible: not told
]


@pytest.mark.parametrize(("one", "other", "eligible"), CELLS)
def test_rows_of_a_day_are_added_up(
    tmp_path: Path, one: str, other: str, eligible: int | None
) -> None:
    rows = f'2026-03-01,A,S,x,100,9,4.0,"{one}"\n2026-03-01,A,S,y,50,5,2.0,"{other}"\n'
    tables = imported(tmp_path, HEADER + rows, promotion="campaign")
    if eligible is None:
        assert np.isnan(tables.performance["eligible_impressions"][0])
    else:
        assert tables.performance["eligible_impressions"].tolist() == [eligible]


@pytest.mark.parametrize("cell", ["45.2", "-3%", "120%", "half"])
def test_what_is_no_share_is_refused(tmp_path: Path, cell: str) -> None:
    with pytest.raises(DataError, match=r"row 2, column Search impr\. share.*is no share from 0"):
        imported(tmp_path, HEADER + f"2026-03-01,A,S,x,100,9,4.0,{cell}\n")


def days(share_of: dict[int, str]) -> str:
    """Ten days with 100, 200, … impressions."""
    return HEADER + "".join(
        f"2026-03-{day:02d},A,S,x,{100 * day},9,4.0,{share_of.get(day, '--')}\n"
        for day in range(1, 11)
    )


def test_supply_goes_by_shares_where_half_of_the_impressions_have_one(tmp_path: Path) -> None:
    supply = {"quantile": 1.0, "headroom": 2.0}
    for number, (told, expected) in enumerate(
        [
            ({}, 2000),  # 2 x 1000
            ({10: "25%", 9: "25%", 8: "50%"}, 2000),  # 2,700 of 5,500: below half
            ({10: "25%", 9: "25%", 8: "50%", 1: "10%"}, 4000),  # 2,800
            (dict.fromkeys(range(1, 8), "80%"), 1000),  # 2,800, and day 10 counts as it is
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        placements = imported(folder, days(told), supply=supply).placements
        assert placements["daily_supply"].tolist() == [expected]


def test_own_supply_is_googles_and_what_a_mapping_says(tmp_path: Path) -> None:
    text = "Day,Campaign,Placement,Impressions,Cost\n2026-03-01,A,Feed,9,1\n2026-03-01,A,Mail,9,1\n"
    for name, platform, said, expected in (
        ("none", Platform.GENERIC, {}, None),
        ("some", Platform.GENERIC, {"own_supply": ["fe*"]}, [1.0, 0.0]),
        ("google", Platform.GOOGLE_ADS, {"placement": "Placement"}, [1.0, 1.0]),
        ("not", Platform.GOOGLE_ADS, {"placement": "Placement", "own_supply": []}, None),
    ):
        (tmp_path / name).mkdir()
        placements = imported(tmp_path / name, text, platform, **said).placements
        own = placements["own_supply"].tolist() if "own_supply" in placements else None
        assert own == expected, name


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9999), st.integers(1, 100)), min_size=1, max_size=20))
def test_no_line_item_could_have_less_than_it_had(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int]]
) -> None:
    text = HEADER + "".join(
        f"2026-03-01,A{n},S,x,{shown},0,1.0,{share}%\n" for n, (shown, share) in enumerate(rows)
    )
    performance = imported(tmp_path_factory.mktemp("shares"), text).performance
    frame = pd.DataFrame(performance)
    assert (frame["eligible_impressions"] >= frame["impressions"]).all()
