"""Words for the panel's abbreviations: what a shop would print, and ids that a person can read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import chain, count

# Abbreviations and cut-off words of the product file; whole words, anything else is kept as it is.
WORDS = {
    "15PK": "15-pack",
    "ALL FAMILY": "all-family",
    "ANTI-ACIDS": "tablets and liquids",
    "BEERALEMALT LIQUORS": "beer, ale and malt liquor",
    "BKD": "baked",
    "BR": "bread",
    "BRD": "breaded",
    "BRKFST": "breakfast",
    "BTL": "bottle",
    "BTR": "butter",
    "CAN CAR": "cans",
    "CARB": "carbonated",
    "CHICK": "chicken",
    "CHOC": "chocolate",
    "CHOCOCLATE": "chocolate",
    "CNTRL": "control",
    "COMBIN": "combination",
    "CRBNTD": "carbonated",
    "CRYSTL": "crystal",
    "DNRS": "dinners",
    "DRNK": "drink",
    "DRNKING": "drinking",
    "DRNKS": "drinks",
    "DRSNG": "dressing",
    "DRY DOG VALUE": "value dry dog food",
    "EXACT WT": "",
    "FD": "foods",
    "FEM": "feminine",
    "FLUID MILK WHITE ONLY": "white milk",
    "FLVRD": "flavored",
    "FRZ": "frozen",
    "FRZ-IQF": "frozen",
    "FRZN": "frozen",
    "GRND": "ground",
    "HBC": "care",
    "HYGN": "hygiene",
    "IQF": "frozen",
    "IWS": "individually wrapped",
    "LIQS": "liquids",
    "MISC": "assorted",
    "MISCELLANEOUS": "assorted",
    "MLT-PK": "multi-pack",
    "MNERAL": "mineral",
    "MX": "mix",
    "NON-CRBNTD": "still",
    "NOT MULTI-PACKS": "single cups",
    "NZ": "New Zealand",
    "ONLY": "",
    "PAC": "packed",
    "PIZZA & PREMIUM": "premium pizza",
    "PIZZA & TRADITIONAL": "traditional pizza",
    "PK": "pack",
    "PNT": "peanut",
    "PORTON": "portions",
    "PREM": "premium",
    "PWDR": "powder",
    "REFRGRATD": "refrigerated",
    "REFRIG": "refrigerated",
    "RW": "",
    "SALAD DRESSING MAY": "salad dressing and mayonnaise",
    "SALD": "salad",
    "SANDWIC": "sandwiches",
    "SFT": "soft",
    "SHERBTS": "sherbets",
    "SNDWCH": "sandwich",
    "SPRD": "spread",
    "SS": "single-serve",
    "STK": "stick",
    "SUPPLEMEN": "supplements",
    "VAC PAC": "vacuum-packed",
    "WATE": "water",
    "WHLSM": "wholesome",
    "WTR": "water",
}
_WORD = re.compile(
    "|".join(rf"(?<![A-Z]){re.escape(w)}(?![A-Z])" for w in sorted(WORDS, key=len, reverse=True))
)
_REMARK = re.compile(r"\s*\(([^()]*)\)")
_CUT_OFF_REMARK = re.compile(r"\([^()]*$")  # descriptions end after 30 letters, whatever follows
_CUT_OFF = re.compile(r"(?:/[A-Z]?|\s-\s*[A-Z]?|\sALL)$")
_HEAD = re.compile(r"\s*:\s*|\s+-\s+|-(?=FRZ|RAW|CHOC|NON CHOC)")  # "POPCORN - MICROWAVE"
BRANDS = {"National": "national-brand", "Private": "store-brand"}
SLUG_LENGTH = 40  # characters before the tier: still readable in a table's first column

# One way of saying it per tier, so that wording carries the offer and nothing else.
_OFFERS = {0: "Featured this week: {}", 10: "Save 10% on {}", 50: "Half price: {}"}

PLACEMENT_TEXTS = {
    "mailer-front-page": "Front page of the weekly mailer",
    "mailer-back-page": "Back page of the weekly mailer",
    "mailer-inside-page": "Inside pages of the weekly mailer",
    "display": "Display in the store",
}
SEGMENT_TEXTS = {
    "low": "Households with an income under $35,000",
    "middle": "Households with an income of $35,000 to $74,999",
    "high": "Households with an income of $75,000 or more",
    "unknown": "Households that did not state their income",
}


def plain(words: str) -> str:
    """Spells out a category or type: `POPCORN - MICROWAVE` -> `microwave popcorn`."""
    text = _REMARK.sub(r", \1", _CUT_OFF_REMARK.sub(" ", words.upper()))
    text = _CUT_OFF.sub("", text.replace(".", " ").strip())
    head, *rest = [_spell(part) for part in _HEAD.split(text) if part.strip()] or [""]
    return re.sub(r"\s+(?=,)", "", " ".join(" ".join([*rest, head]).split())).strip(" ,")


def _spell(part: str) -> str:
    """One part without separators: `FRZN NOVELTIES/WTR ICE` -> `frozen novelties and water ice`."""
    items = [i for i in re.split(r"\s*[/&]\s*", part) if i.strip()]
    text = ", ".join(items[:-1]) + " and " + items[-1] if len(items) > 1 else "".join(items)
    text = _WORD.sub(lambda m: WORDS[m.group()], text.replace(" and ", " & "))
    text = text.lower().replace("&", "and")
    return text.replace("new zealand", "New Zealand").replace("bbq", "BBQ")


def _stems(text: str) -> set[str]:
    words = re.findall(r"[a-z]+", text.lower())
    return {re.sub(r"(es|s)$", "", w) for w in words if len(w) > 2 and w != "and"}


def phrase(category: str, kind: str) -> str:
    """What the offer is about: the type alone where it names its category, else both."""
    wide, narrow = plain(category), plain(kind)
    if _stems(wide) & _stems(narrow):
        return narrow
    return f"{wide}: {narrow}" if narrow else wide


def offer_text(category: str, kind: str, brand: str, tier: int | None) -> str:
    """The line on the shelf or in the mailer, for example `20% off store-brand hot dog buns`.

    `tier` is the planned discount in per cent, None where nothing is known of it.
    """
    what = f"{BRANDS.get(brand, brand)} {phrase(category, kind)}".strip()
    if tier is None:
        return f"On offer: {what}"
    return _OFFERS.get(tier, f"{tier}% off {{}}").format(what)


def offer_name(category: str, kind: str, brand: str, tier: int | None) -> str:
    """A short name for tables and charts, for example `Hot dog buns, store brand, 20%`."""
    what = phrase(category, kind)
    parts = [what[:1].upper() + what[1:], BRANDS.get(brand, brand).replace("-", " ")]
    return ", ".join([*parts, *(["offer"] if tier is None else [f"{tier}%"] if tier else [])])


def slugs(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    """Short ASCII names of (category, type, brand) rows, unique within the rows."""
    names: list[str] = []
    for category, kind, brand in rows:
        wide, narrow = _words(plain(category)), _words(plain(kind))
        tail = {"National": "national", "Private": "store"}.get(brand) or _word(brand)
        long = _fit([*narrow, *wide], tail)
        short = long if len(narrow) < 2 else _fit(narrow, tail)
        numbered = (f"{long}-{n}" for n in count(2))
        names.append(next(n for n in chain([short, long], numbered) if n not in names))
    return names


def _words(text: str) -> list[str]:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return [w for w in re.findall(r"[a-z0-9]+", ascii_text) if w != "and"]


def _word(text: str) -> str:
    return "-".join(_words(text)) or "other"


def _fit(words: list[str], tail: str) -> str:
    kept: list[str] = []
    for word in dict.fromkeys(words):
        if len("-".join([*kept, word, tail])) > SLUG_LENGTH:
            break
        kept.append(word)
    return "-".join([*kept, tail])


def placement_text(placement_id: str) -> str:
    """A placement in words; its parts joined by `+` as in the id."""
    parts = [PLACEMENT_TEXTS.get(p, p.replace("-", " ")) for p in placement_id.split("+")]
    return " with a ".join([parts[0], *(p[:1].lower() + p[1:] for p in parts[1:])])


def segment_text(segment_id: str) -> str:
    """A segment in words."""
    return SEGMENT_TEXTS.get(segment_id, f"Households in the income band {segment_id}")
