"""What a pool looks like before its next block is filled, in text and in pixels."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from promopilot.envs.blocks.flights import BlockFlights
from promopilot.envs.views.ad_observation import return_on_cost

_COLUMNS = ("", "promotion", "shown today", "of reach", "worth/cost", "stock")
_MOST_ROWS = 20
_WIDTH, _ROW, _LEFT = 720, 24, 16
_EDGES = (0, 28, 330, 430, 540, 640)  # where each column begins in the picture
_INK, _PALE, _PAPER = "#1f2933", "#a5adb8", "#ffffff"


def text(batch: BlockFlights) -> str:
    """The first flight: whose block is next, and what every promotion could do with it."""
    head, rows = _board(batch)
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join([*head, "", *lines])


def pixels(batch: BlockFlights) -> np.ndarray:
    """The same as a picture `[H, W, 3]` uint8; promotions that are not available are pale."""
    head, rows = _board(batch)
    # One size per world, so that frames make a film.
    height = _ROW * (7 + min(batch.num_actions - 1, _MOST_ROWS + 1))
    image = Image.new("RGB", (_WIDTH, height), _PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    for line, words in enumerate(head):
        pen.text((_LEFT, _ROW * (line + 0.5)), _plain(words), fill=_INK, font=font)
    for line, row in enumerate(rows, len(head) + 1):
        colour = _PALE if line > len(head) + 1 and row[0] == "-" else _INK
        for cell, edge in zip(row, _EDGES, strict=True):
            cut = _plain(cell)[:38]
            pen.text((_LEFT + edge, _ROW * (line + 0.5)), cut, fill=colour, font=font)
    return np.array(image)


def _board(batch: BlockFlights) -> tuple[list[str], list[tuple[str, ...]]]:
    """Lines above the table, and its rows, the heading first."""
    world, market, day = batch.world, batch.market, batch.day
    left = f"{batch.budget_left[0]:,.2f} of {world.budget:,.2f} {world.currency} left"
    if day is None:
        return [f"After day {world.days} of {world.days}: the flight is over", left], [_COLUMNS]
    placement, segment = world.catalog.pools[day.pool]
    head = [
        f"Day {market.day + 1} of {world.days}, {world.dates[market.day]:%a %Y-%m-%d}, "
        f"block {day.filled // len(day.size) + 1} of {day.blocks.per_day}",
        f"{world.catalog.placement_ids[placement]} / {world.catalog.segment_ids[segment]}: "
        f"{day.size[day.pool]:,.0f} impressions to fill",
        left,
    ]
    at = day.blocks.items(day.pool)
    promotion = day.blocks.promotion[at]
    shown, reach = day.delivered[0, at], np.maximum(market.reach[day.blocks.order][at], 1e-9)
    ratio = np.expm1(return_on_cost(*batch.observer.next_block(day))[0])
    order = np.argsort(-ratio, kind="stable")[:_MOST_ROWS]
    rows = [
        (
            "+" if day.available[0, promotion[i]] else "-",
            _one_line(world.catalog.promotion_ids[promotion[i]]),
            f"{shown[i]:,.0f}",
            f"{100 * shown[i] / reach[i]:.0f} %",
            f"{ratio[i]:.2f}",
            f"{day.stock_left[0, promotion[i]]:,.0f}",
        )
        for i in order
    ]
    if len(promotion) > _MOST_ROWS:
        rows.append(("", f"and {len(promotion) - _MOST_ROWS} more", "", "", "", ""))
    return head, [_COLUMNS, *rows]


def _one_line(words: str) -> str:
    return "".join(c if c.isprintable() else " " for c in words)


def _plain(words: str) -> str:
    """Letters that the packaged font has; others as question marks."""
    return words.encode("latin-1", "replace").decode("latin-1")
