"""Columns that are not there, files of another platform, headers with a remark, folders in use."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from promopilot.experiments.cli.app import app
from promopilot.experiments.errors import DataError
from promopilot.experiments.importing.headers import Platform, recognise
from promopilot.experiments.importing.lacking import looks_like
from promopilot.experiments.importing.mapping import Mapping
from promopilot.experiments.importing.raw import read_export
from promopilot.experiments.importing.run import import_performance
from promopilot.experiments.tables import read_tables

SAMPLES = Path(__file__).parent / "data" / "import"
GERMAN = (
    "Kampagnenbericht\n\n"
    "Kampagnenstatus;Kampagne;Wann;Sichtbarkeit;Kosten;Status-Nr;Position\n"
    "Aktiv;Frühling;01.03.2026;1.200;3,10;1;1,5\n"
    "Pausiert;Sommer;02.03.2026;900;2,40;2;2,5\n"
)
TWO = GERMAN.replace("Position", "Seitenaufrufe").replace("1,5", "7").replace("2,5", "9")
LACKING = [  # what the file has, what is said, what is not suggested
    (
        GERMAN,
        "column date, impressions must be there (the day that a row tells of; how often ads were "
        "shown), but no column is known as that among 'Kampagnenstatus',",
        "1.200",
    ),
    (
        GERMAN,
        "if date is 'Wann', say so with --mapping FILE that holds `columns: {date: 'Wann'}`",
        "",
    ),
    (GERMAN, "if impressions is 'Sichtbarkeit', say so", "is 'Kampagnenstatus'"),
    (GERMAN, "`columns: {impressions: 'Sichtbarkeit'}`", "or 'Status-Nr'"),
    (TWO, "if impressions is 'Sichtbarkeit' or 'Seitenaufrufe', say so", "row 1"),
    (
        GERMAN.replace("Wann", "Tag").replace("1.200", "1,2").replace("900", "0,9"),
        "no column holds values like impressions: export 'Impr.' as well",
        "--mapping",
    ),
]


def written(folder: Path, text: str, name: str = "export.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("text", "said", "unsaid"), LACKING)
def test_what_is_lacking_is_said_with_columns_that_could_be_it(
    tmp_path: Path, text: str, said: str, unsaid: str
) -> None:
    with pytest.raises(DataError) as refusal:
        import_performance(
            [written(tmp_path, text)], Platform.GOOGLE_ADS, Mapping(), tmp_path / "out"
        )
    assert said in str(refusal.value)
    assert not unsaid or unsaid not in str(refusal.value)


@pytest.mark.parametrize("sample", sorted(path.name for path in SAMPLES.glob("*.csv")))
def test_a_sample_looks_like_its_own_platform_alone(tmp_path: Path, sample: str) -> None:
    own = next(p for p in Platform if sample.startswith(p.replace("-", "_")))
    headers = read_export(SAMPLES / sample).cells.column_names
    assert looks_like(headers, own, more=0) is None
    for other in {Platform.GOOGLE_ADS, Platform.META_ADS, Platform.CRITEO} - {own}:
        if looks_like(headers, other, more=2) is None:  # names that both have
            continue
        with pytest.raises(DataError, match=f"looks like .*: use --platform {own}"):
            import_performance([SAMPLES / sample], other, Mapping(), tmp_path / "out")


def test_a_mapping_that_names_its_platform_has_the_last_word(tmp_path: Path) -> None:
    given = Mapping(platform=Platform.CRITEO, promotion="Campaign", columns={"date": ["Day"]})
    with pytest.raises(DataError, match="does not look like Criteo; it looks like Google Ads"):
        import_performance(
            [SAMPLES / "google_ads_en.csv"],
            Platform.CRITEO,
            given.model_copy(update={"platform": None}),
            tmp_path / "out",
        )
    mapped = given.model_copy(update={"columns": {"impressions": ("Impr.",)}})
    import_performance([SAMPLES / "google_ads_en.csv"], Platform.CRITEO, mapped, tmp_path / "out")
    assert (tmp_path / "out" / "performance.csv").exists()


@pytest.mark.parametrize(
    "header",
    [
        "Network (with search partners)",
        "Netzwerk (mit Suchnetzwerk-Partnern)",
        "Werbenetzwerk (mit Suchnetzwerk-Partnern)",
        "Réseau (avec les partenaires du Réseau de Recherche)",
        "Red (con socios de búsqueda)",
        "投放网络（含搜索网络合作伙伴）",
        "广告网络 (包括搜索合作伙伴)",
    ],
)
def test_networks_are_known_whatever_stands_in_brackets(header: str) -> None:
    assert recognise([header, "Cost (old)"], Platform.GOOGLE_ADS).columns == {"network": header}


@pytest.mark.parametrize(
    ("search", "display"),
    [
        ("Google search, Search partners", "Display Network"),
        ("Google Suche, Suchnetzwerk-Partner, Partner im Suchnetzwerk", "Displaynetzwerk"),
        ("Recherche Google, Partenaires du Réseau de Recherche", "Réseau Display"),
        ("Búsqueda de Google, Socios de búsqueda", "Red de Display"),
        ("Google 搜索, 搜索网络合作伙伴", "展示广告网络"),
    ],
)
def test_search_is_priced_by_the_click_in_five_languages(
    tmp_path: Path, search: str, display: str
) -> None:
    names = [*search.split(", "), display]
    rows = "".join(f"2026-03-01,A,{name},100,10,5\n" for name in names)
    given = written(tmp_path, f"Day,Campaign,Network,Impr.,Clicks,Cost\n{rows}")
    import_performance([given], Platform.GOOGLE_ADS, Mapping(), tmp_path / "out")
    placements = read_tables(tmp_path / "out").placements
    by_click = placements["cpc"].notna()
    assert placements["placement_id"][~by_click].tolist() == [display]
    assert placements["cpm"].notna().tolist() == (~by_click).tolist()


def test_an_export_without_cost_is_told_what_that_means(tmp_path: Path) -> None:
    text = "Day,Campaign,Impr.\n2026-03-01,A,100\n"
    summary = import_performance(
        [written(tmp_path, text)], Platform.GOOGLE_ADS, Mapping(), tmp_path / "out"
    )
    assert "no column tells what was paid: today's budget and every price" in summary["notes"][0]
    paid = text.replace("Impr.", "Impr.,Cost").replace("100", "100,2")
    summary = import_performance(
        [written(tmp_path, paid)], Platform.GOOGLE_ADS, Mapping(), tmp_path / "paid"
    )
    assert not any("what was paid" in note for note in summary["notes"])


def test_a_column_that_names_promotions_can_be_their_text(tmp_path: Path) -> None:
    text = "Tag,Aktion,Impressionen\n2026-03-01,Pizza -30 %,100\n"
    given = Mapping.model_validate(
        {"promotion": "Aktion", "text": "Aktion", "columns": {"impressions": "Impressionen"}}
    )
    summary = import_performance(
        [written(tmp_path, text)], Platform.GENERIC, given, tmp_path / "out"
    )
    assert not any("no text" in note for note in summary["notes"])
    assert read_tables(tmp_path / "out").sources["promotions.text"] == "data: column 'Aktion'"


CALLED = "Day,Campaign,Impr.,Headline 1,Claim\n2026-03-01,A,100,Call 0800 123 456 now,{}\n"


def test_a_number_to_call_is_kept_in_columns_of_ad_text_alone(tmp_path: Path) -> None:
    plain = written(tmp_path, CALLED.format("Best"))
    import_performance([plain], Platform.GOOGLE_ADS, Mapping(), tmp_path / "headline")
    assert "0800 123 456" in read_tables(tmp_path / "headline").promotions["text"][0]
    also = written(tmp_path, CALLED.format("Or call 0800 765 432"), "also.csv")
    with pytest.raises(DataError, match=r"column Claim: '08…32' looks like.* say `text: \[COLUMN"):
        import_performance([also], Platform.GOOGLE_ADS, Mapping(), tmp_path / "out")
    said = Mapping.model_validate({"text": ["text_1", "Claim"]})
    import_performance([also], Platform.GOOGLE_ADS, said, tmp_path / "out")
    assert "0800 765 432" in read_tables(tmp_path / "out").promotions["text"][0]


# --- a second import into the same folder ---

LINE = "promopilot data import --platform criteo criteo.csv --out o"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("criteo.csv", "google_ads_en.csv"):
        (tmp_path / name).write_bytes((SAMPLES / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    assert invoke(LINE).exit_code == 0
    return tmp_path


def invoke(line: str):
    return CliRunner().invoke(app, shlex.split(line)[1:])


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_import_is_replaced_only_where_asked(folder: Path) -> None:
    before = content(folder / "o")
    again = invoke(LINE)
    assert again.exit_code == 2
    assert "o holds an import already; start anew with --overwrite, or choose" in again.stderr
    assert content(folder / "o") == before
    done = invoke(
        LINE.replace("criteo", "google-ads", 1).replace("criteo", "google_ads_en") + " --overwrite"
    )
    assert done.exit_code == 0, done.stderr
    assert "Google Ads" in (folder / "o" / "sources.json").read_text()


def test_events_and_lift_tests_beside_an_import_stay(folder: Path) -> None:
    (folder / "o" / "events.csv").write_text("date,name,factor\n2026-03-02,Fair,1.5\n")
    assert invoke(f"{LINE} --overwrite").exit_code == 0
    assert read_tables(folder / "o").events["name"].tolist() == ["Fair"]


@pytest.mark.parametrize("other", ["notes.txt", "runs/plan.csv"])
def test_anything_else_beside_an_import_is_left_alone(folder: Path, other: str) -> None:
    path = folder / "o" / other
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    before = sorted((folder / "o").rglob("*"))
    done = invoke(f"{LINE} --overwrite")
    assert done.exit_code == 2
    assert f"o holds {other.split('/')[0]} besides an import; move it away" in done.stderr
    assert sorted((folder / "o").rglob("*")) == before


def test_a_faulty_export_replaces_nothing(folder: Path) -> None:
    before = content(folder / "o")
    (folder / "criteo.csv").write_text("Day;Adset;Displays\n2026/3/1;A;many\n")
    assert invoke(f"{LINE} --overwrite").exit_code == 2
    assert content(folder / "o") == before
