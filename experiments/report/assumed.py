"""What money on the first screen rests on that no table holds: the margin, prices, media prices."""

from __future__ import annotations

from promopilot.experiments.report import words
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import percent_text
from promopilot.experiments.report.section import Page

_WORTH = ("margin", "price")  # of an order, as `market/sources.json` calls them
_MEDIA = "price of "  # before a placement there


def assumed_in_words(page: Page) -> str:
    """A sentence that names what is assumed; empty where the tables hold all of it."""
    parts = assumed(page)
    if not parts:
        return ""
    return tr(
        "Assumed, not read from your tables: {}. Every profit here stands and falls with that."
    ).format(words.listed(parts))


def assumed(page: Page) -> list[str]:
    """Which of them are assumed, wholly or in part, with the values of what is one for all."""
    sources = page.run.parameter_sources
    found = [_worth(page, name) for name in _WORTH if _is_assumed(sources.get(name, ""))]
    media = [source for name, source in sources.items() if name.startswith(_MEDIA)]
    guessed = [source for source in media if _is_assumed(source)]
    if guessed:
        found.append(tr("media prices") if guessed == media else tr("media prices in part"))
    return found


def _is_assumed(source: str) -> bool:
    """Whether a source's own words name an assumption, be it for a part of the promotions."""
    return any(part.startswith("assumption:") for part in source.split("; "))


def _worth(page: Page, name: str) -> str:
    """The margin or the product price, with its value where it is one for all."""
    catalog, margin = page.run.world.catalog, name == "margin"
    if page.run.parameter_sources[name].endswith("where missing"):
        return tr("the margin in part") if margin else tr("product prices in part")
    if margin:
        return tr("the margin ({} of the price)").format(percent_text(100 * catalog.margin[0], 0))
    return tr("the product price ({})").format(page.numbers.amount(catalog.price[0], cents=True))
