"""Which column of an export is which field: by its header, on its platform, in five languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final

from promopilot.experiments.importing.headers_criteo import CRITEO
from promopilot.experiments.importing.headers_generic import GENERIC
from promopilot.experiments.importing.headers_google import GOOGLE_ADS
from promopilot.experiments.importing.headers_meta import META_ADS
from promopilot.experiments.importing.plain import letters_of, plain


class Platform(StrEnum):
    """Where an export comes from."""

    GOOGLE_ADS = "google-ads"
    META_ADS = "meta-ads"
    CRITEO = "criteo"
    GENERIC = "generic"


NAMES: Final = {
    Platform.GOOGLE_ADS: "Google Ads",
    Platform.META_ADS: "Meta Ads",
    Platform.CRITEO: "Criteo",
    Platform.GENERIC: "a table of your own",
}
_OWN: Final = {
    Platform.GOOGLE_ADS: GOOGLE_ADS,
    Platform.META_ADS: META_ADS,
    Platform.CRITEO: CRITEO,
    Platform.GENERIC: GENERIC,
}
_MONEY: Final = ("spend", "conversion_value", "budget")
# Headlines and descriptions with a number ("Headline 1", "Anzeigentitel 2"): a text's parts.
_PART_OF_TEXT = re.compile(
    r"(long |short )?(headline|title|description|body|anzeigentitel|titel|beschreibung|textzeile"
    r"|titre|titulo|descripcion|标题|广告标题|内容描述|广告内容描述|描述) ?(line )?\d{1,2}",
)
# Rates, averages and prices per piece: "CTR", "Avg. CPC", "Kosten/Conv.", "点击率". Some are from
# memory.
_RATIO = re.compile(
    r"(ctr|cpc|cpm|cpa|cpv|ecpc|ecpm|frequency|frequenz|repetition|frecuencia|频次)( ?\(.*)?"
    r"|(avg|average|durchschn|moy|prom|cpc|cpm)\b.*|(平均|单次|千次).*|.*率|.*roas\b.*"
    r"|(cost|kosten|cout|coste|costo) ?(per|pro|par|por|/).*|.*/ ?(cost|kosten|cout|coste|costo)"
    r"|.*\b(rate|share|quote|taux|tasa|anteil|part d'|cuota)\b.*",
)
# Codes of the currencies that the three platforms bill in.
CURRENCIES: Final = frozenset(
    (
        "AED ARS AUD BDT BGN BHD BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD "
        "HNL HRK HUF IDR ILS INR IQD ISK JOD JPY KES KRW KWD LBP LKR MAD MOP MXN MYR NGN NIO NOK "
        "NZD OMR PEN PHP PKR PLN PYG QAR RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD UYU VES "
        "VND ZAR"
    ).split()
)
_SIGNS: Final = {"€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "$": None, "¥": None}
_IN_BRACKETS = re.compile(r"^(?P<name>.+?)\s*\((?P<inside>[^()]{1,8})\)$")
_AT_THE_END = re.compile(r"^(?P<name>.+?)[ _](?P<inside>[A-Za-z]{3})$")
# "Netzwerk (mit Suchnetzwerk-Partnern)", "Red (con socios de búsqueda)".
_EXPLAINED = re.compile(r"^(?P<name>.+?)\s*\([^()]+\)$")
_MICROS = re.compile(r"^(?P<name>.+?)[ _]?\(?micros\)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Recognised:
    """What the headers of one file mean."""

    columns: Mapping[str, str]  # field -> header as written
    currency: str | None  # the one in the header of spend, else of value or budget; None: in none
    unknown: tuple[str, ...]  # headers that mean nothing here
    micros: frozenset[str]  # fields whose numbers are millionths
    # Headers that mean a field which another column, preferred, already is -> that field.
    instead: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Meaning:
    """What one header means."""

    field: str
    rank: int  # among the names of the field; the lowest is preferred
    currency: str | None
    micros: bool


def recognise(headers: Sequence[str], platform: Platform) -> Recognised:
    """The fields that the headers of a file stand for.

    Args:
        headers: As written in the file, each once.
        platform: Whose names to look for; `generic` knows those of all.
    """
    columns: dict[str, str] = {}
    kept: dict[str, _Meaning] = {}
    instead: dict[str, str] = {}
    unknown, parts = [], []
    for header in headers:
        if _PART_OF_TEXT.fullmatch(plain(header)):
            parts.append(header)
            continue
        meaning = _meaning(header, platform)
        if meaning is None:
            unknown.append(header)
        elif meaning.field not in kept or meaning.rank < kept[meaning.field].rank:
            if meaning.field in columns:
                instead[columns[meaning.field]] = meaning.field
            columns[meaning.field], kept[meaning.field] = header, meaning
        else:
            instead[header] = meaning.field
    columns |= {f"text_{number}": header for number, header in enumerate(parts, 1)}
    named = [kept[name].currency for name in _MONEY if name in kept]
    return Recognised(
        columns,
        next((code for code in named if code is not None), None),
        tuple(unknown),
        frozenset(name for name, meaning in kept.items() if meaning.micros),
        instead,
    )


def is_ratio(header: str) -> bool:
    """Whether a column follows from others: a rate, an average or a price per piece."""
    return _RATIO.fullmatch(plain(header)) is not None


def named_on(platform: Platform, field: str) -> str:
    """What a platform calls a field; the field itself where it has none such."""
    return _OWN[platform].get(field, (field,))[0]


@lru_cache(maxsize=4096)
def is_known(header: str) -> bool:
    """Whether any platform has a column of this name."""
    return _meaning(header, Platform.GENERIC) is not None


def _meaning(header: str, platform: Platform) -> _Meaning | None:
    """The field that a header is, with the currency that stands in it."""
    names = _names(platform)
    name = unicodedata.normalize("NFKC", header).strip()
    if micros := _MICROS.match(name):
        name = micros["name"]
    currency = None
    found = names.get(letters_of(name))
    if split := _IN_BRACKETS.match(name) or _AT_THE_END.match(name):
        inside = split["inside"].strip().upper()
        before = names.get(letters_of(split["name"]))
        if before and before[0] in _MONEY and (inside in CURRENCIES or inside in _SIGNS):
            found, currency = before, _SIGNS.get(inside, inside)
    if found is None and (split := _EXPLAINED.match(name)):
        before = names.get(letters_of(split["name"]))
        found = before if before and before[0] == "network" else None
    if found is None or (micros and found[0] not in _MONEY):
        return None
    return _Meaning(*found, currency, micros is not None)


@cache
def _names(platform: Platform) -> Mapping[str, tuple[str, int]]:
    """Key of each header of a platform -> its field and its rank among that field's names."""
    tables = [_OWN[platform]]
    if platform is Platform.GENERIC:
        tables += [GOOGLE_ADS, META_ADS, CRITEO]
    else:
        tables.append({"as_of": GENERIC["as_of"]})
    names: dict[str, tuple[str, int]] = {}
    for first, table in zip(range(0, 1000 * len(tables), 1000), tables, strict=True):
        for name, headers in table.items():
            for rank, header in enumerate(headers, first):
                names.setdefault(letters_of(header), (name, rank))
    return names
