"""Words for the panel's abbreviations: what a shop would print, and ids that a person can read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Abbreviations and cut-off words of the product file, whole words only. Anything not listed is kept.
WORDS = {
    "ALL": "",
    "BEERALEMALT": "beer, ale and malt",
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
    "CNTRY": "country",
    "CRBNTD": "carbonated",
    "CRYSTL": "crystal",
    "DNRS": "dinners",
    "DRNK": "drink",
    "DRNKING": "drinking",
    "DRNKS": "drinks",
    "DRSNG": "dressing",
    "EXACT WT": "",
    "EXCEPT": "",
    "FD": "foods",
    "FEM": "feminine",
    "FLVRD": "flavored",
    "FRSH": "fresh",
    "FRZ": "frozen",
    "FRZN": "frozen",
    "GRND": "ground",
    "HBC": "care",
    "HYGN": "hygiene",
    "INCLUDING": "",
    "IQF": "individually frozen",
    "IWS": "individually wrapped",
    "LIQS": "liquids",
    "MISC": "assorted",
    "MISCELLANEOUS": "assorted",
    "MLT-PK": "multi-pack",
    "MNERAL": "mineral",
    "MX": "mix",
    "NON-CRBNTD": "still",
    "NZ": "New Zealand",
    "PAC": "packed",
    "PK": "pack",
    "PNT": "peanut",
    "PORTON": "portions",
    "PREM": "premium",
    "PWDR": "powder",
    "REFRGRATD": "refrigerated",
    "REFRIG": "refrigerated",
    "RW": "",
    "SALD": "salad",
    "SANDWIC": "sandwiches",
    "SFT": "soft",
    "SHERBTS": "sherbets",
    "SNDWCH": "sandwich",
    "SPRD": "spread",
    "SS": "single-serve",
    "STK": "stick",
    "SUPPLEMEN": "supplements",
    "VAC": "vacuum",
    "WATE": "water",
    "WHLSM": "wholesome",
    "WTR": "water",
}
_WORD = re.compile(
    "|".join(rf"(?<![\w-]){re.escape(w)}(?![\w])" for w in sorted(WORDS, key=len, reverse=True))
)
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
    """Spells out one category or type: `FRZN NOVELTIES/WTR ICE` -> `frozen novelties and water ice`."""
    text = re.sub(
        r"\(([^()]*)(\)|$)", " ", words.upper()
    )  # remarks, and those cut off at 30 letters
    text = re.sub(r"/\w?$", "", text.strip())  # a list cut off after its stroke
    text = _WORD.sub(lambda m: WORDS[m.group()], text.replace(".", " "))
    text = re.sub(r"\s*[:]\s*|\s+-\s+|-(?=FRZ|RAW|frozen)", ", ", text)
    parts = [p for p in re.split(r"\s*[/&]\s*", text) if p.strip()]
    text = ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else "".join(parts)
    text = re.sub(r"\s+", " ", text).strip(" ,-")
    text = re.sub(r"(\s*,)+", ",", text)
    return text if text.startswith("New Zealand") else _lower(text)


def _lower(text: str) -> str:
    return text.lower().replace("new zealand", "New Zealand").replace("bbq", "BBQ")


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
    return ", ".join([*parts, "offer" if tier is None else f"{tier}%"])


def slugs(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    """Short ASCII names of (category, type, brand) rows, unique within the rows."""
    names: list[str] = []
    used: set[str] = set()
    for category, kind, brand in rows:
        text = unicodedata.normalize("NFKD", phrase(category, kind)).encode("ascii", "ignore")
        words = [w for w in re.findall(r"[a-z0-9]+", text.decode().lower()) if w != "and"]
        tail = {"National": "national", "Private": "store"}.get(brand) or _word(brand)
        name, n = _fit(words, tail), 1
        while name in used:
            n += 1
            name = f"{_fit(words, tail)}-{n}"
        used.add(name)
        names.append(name)
    return names


def _word(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower())) or "other"


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
