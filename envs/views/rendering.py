"""What one flight looks like: the record that pictures are made from, and the picture in text."""

import unicodedata
from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from promopilot.envs.arrays import Ints
from promopilot.envs.errors import MarketError
from promopilot.envs.market import DayOutcome, Market
from promopilot.envs.replan import Replan
from promopilot.envs.views.picture import draw

RENDER_MODES = ("ansi", "rgb_array")
COLUMNS = ("promotion", "spend", "so far", "sold", "so far", "belief", "stock")
_NOTE = "belief: conversions per impression against the prediction, with one sd"
_MOST_COLUMNS = 99  # of text
_MOST_ROWS = 20
_MOST_ROWS_IN_PICTURE = 15
_BAR = 36


class Renderer:
    """Follows a batch of one flight and pictures it.

    Args:
        market: The flight.
        replan: Knows what an even pace would have left.
        mode: One of `RENDER_MODES`.

    Raises:
        MarketError: Another mode.
    """

    def __init__(self, market: Market, replan: Replan, mode: str) -> None:
        if mode not in RENDER_MODES:
            raise MarketError(f"render_mode is {mode!r}; it must be one of {RENDER_MODES}.")
        self.mode = mode
        self._market = market
        # [D + 1] money that an even pace has left at the start of each day, and at the end
        self._even = market.world.budget * np.r_[replan.planned_share_left, 0.0]
        self.start()

    def start(self) -> None:
        """Begin with the flight that the market has just begun."""
        self._left = [float(self._market.budget_left[0])]
        empty = np.zeros(self._market.world.catalog.num_promotions)
        self._spend, self._sold = [empty], [empty]  # before the first day
        self._earned = 0.0

    def add(self, outcome: DayOutcome) -> None:
        """Take in the day that was played."""
        promotions = self._market.world.catalog.by_promotion
        self._left.append(float(self._market.budget_left[0]))
        self._spend.append(promotions.sum(outcome.spend[0]))
        self._sold.append(promotions.sum(outcome.conversions[0]))
        self._earned += float(outcome.objective[0].sum())

    def render(self) -> str | np.ndarray:
        """Text, or `[H, W, 3]` uint8."""
        title, money = self._title()
        if self.mode == "ansi":
            bar = _bar(self._left[-1], self._even[self._market.day], self._market.world.budget)
            lines = _lines(self._table(_MOST_ROWS))
            lines = [title, f"{bar}  {money}", "", *lines, _NOTE]
            return "\n".join(_cut(line, _MOST_COLUMNS) for line in lines)
        return draw(
            (title, money, _NOTE),
            np.array(self._left),
            self._even,
            np.array(self._spend[1:]).reshape(-1, len(self._spend[0])),
            self._table(_MOST_ROWS_IN_PICTURE),
            self._shown(_MOST_ROWS_IN_PICTURE),
        )

    def _title(self) -> tuple[str, str]:
        world, day = self._market.world, self._market.day
        date = world.start + timedelta(days=max(day - 1, 0))
        unit = "" if world.objective == "conversions" else f" {world.currency}"
        left, pace = (100 * x / world.budget for x in (self._left[-1], self._even[day]))
        return (
            f"{'After' if day else 'Before'} day {max(day, 1)} of {world.days}, "
            f"{date:%a %Y-%m-%d}: {world.objective.replace('_', ' ')} so far "
            f"{number(self._earned)}{unit}",
            f"{number(self._left[-1])} of {number(world.budget)} {world.currency} left "
            f"({left:.0f} %, even pace {pace:.0f} %)",
        )

    def _shown(self, most: int) -> Ints:
        """Promotions that get a row of their own: where there are too many, those that got most."""
        spent = np.sum(self._spend, axis=0)
        if len(spent) <= most:
            return np.arange(len(spent))
        return np.sort(np.argsort(-spent, kind="stable")[: most - 1])

    def _table(self, most: int) -> list[tuple[str, ...]]:
        """`COLUMNS` of every promotion shown, of all others together, and of all."""
        market, catalog = self._market, self._market.world.catalog
        first, second = market.first_belief.now, market.second_belief.now
        shift = first.mean[0] + second.mean[0]
        sd = np.hypot(first.sd[0], second.sd[0])
        figures = [self._spend[-1], np.sum(self._spend, 0), self._sold[-1], np.sum(self._sold, 0)]
        shown = self._shown(most)
        rows = []
        for p in shown:
            stock = market.stock_left[0, p]
            rows.append(
                (
                    printable(catalog.promotion_ids[p]),
                    *(number(figure[p]) for figure in figures),
                    f"{100 * np.expm1(shift[p]):+.0f} ±{100 * np.exp(shift[p]) * sd[p]:.0f} %",
                    number(stock) if np.isfinite(stock) else "-",
                )
            )
        rest = np.setdiff1d(np.arange(len(shift)), shown)
        if len(rest):
            sums = (number(figure[rest].sum()) for figure in figures)
            rows.append((f"{len(rest)} more", *sums, "", ""))
        return [COLUMNS, *rows, ("all", *(number(figure.sum()) for figure in figures), "", "")]


def number(value: float) -> str:
    """A figure in few characters, to a tenth below a hundred."""
    size = abs(value)
    if size >= 1e6:
        return f"{value / 1e9:,.1f}bn" if size >= 1e9 else f"{value / 1e6:,.1f}M"
    whole = size >= 100 or abs(value - round(value)) < 0.05
    return f"{round(value):,}" if whole else f"{value:.1f}"


def printable(text: str) -> str:
    """The text on one line."""
    return "".join(c if c.isprintable() else " " for c in text)


def width(text: str) -> int:
    """Columns that text takes on a terminal."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def _bar(left: float, even: float, budget: float) -> str:
    """Money left as a bar; the stroke is where an even pace would be."""
    filled, mark = (round(_BAR * min(max(x / budget, 0.0), 1.0)) for x in (left, even))
    cells = ["█"] * filled + ["░"] * (_BAR - filled)
    cells.insert(mark, "|")
    return "".join(cells)


def _lines(table: Sequence[tuple[str, ...]]) -> list[str]:
    """The table with its columns aligned, names cut where they leave no room."""
    widths = [max(width(row[c]) for row in table) for c in range(len(COLUMNS))]
    widths[0] = min(widths[0], _MOST_COLUMNS - sum(widths[1:]) - 2 * len(widths[1:]))
    lines = []
    for name, *cells in table:
        name = _cut(name, widths[0])
        padded = (" " * (w - width(c)) + c for c, w in zip(cells, widths[1:], strict=True))
        lines.append("  ".join([name + " " * (widths[0] - width(name)), *padded]).rstrip())
    return lines


def _cut(text: str, most: int) -> str:
    if width(text) <= most:
        return text
    while width(text) > most - 1:
        text = text[:-1]
    return text + "…"
