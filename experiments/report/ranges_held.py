"""How often a market's ranges held what happened, of days and of promotions, in words."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from promopilot.experiments.backtest.ranges import Held, how_held
from promopilot.experiments.report import words
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.section import Page

# The worst first: what is said of all of them together follows the first that fits one.
_SAID: dict[Held, str] = {
    "far too narrow": later(
        "{}, where 80 % are meant to be: those of {} are far too narrow, and so are the ranges of "
        "this plan"
    ),
    "too narrow": later(
        "{}, where 80 % are meant to be: those of {} are too narrow by more than chance explains, "
        "so the plan is surer than it should be"
    ),
    "too wide": later(
        "{}, where 80 % are meant to be: those of {} are wider than needed, so the plan is rather "
        "cautious"
    ),
    "as meant": later("{}, where 80 % are meant to be: no further off than chance explains"),
}
KINDS = {"day": later("days"), "promotion": later("promotions")}


def ranges_held(page: Page, name: str, found: dict[str, Any]) -> Markup:
    """Shares that were held, and what the worse of them says.

    Args:
        page: The page.
        name: File that holds the figures, without `.json`.
        found: Its content.
    """
    widths = _widths(found)
    shares = [
        Markup(tr("{} of {} {}")).format(
            page.numbers.share(f"{name}:coverage_80_by_{kind}", found[f"coverage_80_by_{kind}"]),
            len(found[f"by_{kind}"]),
            tr(KINDS[kind]),
        )
        for kind in widths
    ]
    worst = next(width for width in _SAID if width in widths.values())
    those = words.listed([tr(KINDS[kind]) for kind in widths if widths[kind] == worst])
    return Markup(tr(_SAID[worst])).format(words.listed(shares), those)


def failed(found: dict[str, Any]) -> bool:
    """Whether a backtest was made and the market did not pass it."""
    return "wape" in found and not found["passes"]


def _widths(found: dict[str, Any]) -> dict[str, Held]:
    """What was held says of the ranges, by kind; kinds of which nothing was judged are absent."""
    return {
        kind: how_held(round(share * len(found[f"by_{kind}"])), len(found[f"by_{kind}"]))
        for kind in KINDS
        if (share := found[f"coverage_80_by_{kind}"]) is not None
    }
