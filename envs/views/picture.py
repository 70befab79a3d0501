"""A flight's picture in pixels: budget left, spend by promotion and day, and today's table."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from promopilot.envs.arrays import Floats, Ints

WIDTH, HEIGHT = 1080, 600
_SCALE = 2  # drawn twice as large and reduced, so that edges are smooth
_INK, _SOFT, _GRID, _PAPER = "#1f2933", "#6b7785", "#e4e7eb", "#ffffff"
_LINE, _REST = "#2f6fb2", "#c3cad2"
# Tableau's ten colours; beyond, the same ones paler and paler.
_COLOURS = (
    *("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2"),
    *("#edc948", "#b07aa1", "#9c755f", "#ff9da7", "#86bc4f"),
)
# Left, top, right and bottom of each part.
_MONEY = (64, 112, 540, 302)
_SPEND = (64, 364, 540, 556)
_TABLE = (580, 84, 1056)
_ROW = 26
# Right edges of the table's columns after the name, from its left edge.
_EDGES = (186, 244, 292, 344, 430, 476)


def draw(
    texts: tuple[str, str, str],
    left: Floats,
    even: Floats,
    spend: Floats,
    table: Sequence[tuple[str, ...]],
    shown: Ints,
) -> np.ndarray:
    """The picture `[HEIGHT, WIDTH, 3]` uint8.

    Args:
        texts: Title, the line below it, and a note below the table.
        left: Money left before the first day and after each played one `[days played + 1]`.
        even: What an even pace would have left `[D + 1]`.
        spend: Of each promotion on each day played `[days played, P]`.
        table: Column names, rows, last row; the first rows are those of `shown`.
        shown: Promotions with a row and a colour of their own.
    """
    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _PAPER)
    page = _Page(ImageDraw.Draw(image))
    page.text(24, 20, texts[0], 19)
    page.text(24, 48, texts[1], 14, _SOFT)
    days = len(even) - 1
    _draw_money(page, left, even)
    _draw_spend(page, spend, float(even[0]) / days, days, shown)
    _draw_table(page, table, shown)
    page.text(_TABLE[0], _TABLE[1] + _ROW * (len(table) + 0.5), texts[2], 12, _SOFT, "lm")
    return np.asarray(image.reduce(_SCALE)).copy()


class _Page:
    """Draws in the finished picture's pixels."""

    def __init__(self, pen: ImageDraw.ImageDraw) -> None:
        self._pen = pen

    def text(
        self, x: float, y: float, text: str, size: int, colour: str = _INK, anchor: str = "la"
    ) -> None:
        self._pen.text((x * _SCALE, y * _SCALE), text, fill=colour, font=_font(size), anchor=anchor)

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1) -> None:
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        self._pen.line(scaled, fill=colour, width=round(width * _SCALE), joint="curve")

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        x0, y0, x1, y1 = (round(at * _SCALE) for at in (left, top, right, bottom))
        if x1 > x0 and y1 > y0:
            self._pen.rectangle((x0, y0, x1 - 1, y1 - 1), fill=colour)

    def dot(self, x: float, y: float, colour: str) -> None:
        self._pen.circle((x * _SCALE, y * _SCALE), 4 * _SCALE, fill=colour)


def _draw_money(page: _Page, left: Floats, even: Floats) -> None:
    x0, _, x1, _ = _MONEY
    days = len(even) - 1
    height = _axes(page, _MONEY, "Budget left (dashed: even pace)", float(max(even[0], left.max())))

    def at(day: int, money: float) -> tuple[float, float]:
        return x0 + (x1 - x0) * day / days, height(money)

    _day_labels(page, _MONEY, days)
    dashes = np.linspace(0, days, 81)
    level = np.interp(dashes, np.arange(days + 1), even)
    for k in range(0, 80, 2):
        ends = [(x0 + (x1 - x0) * dashes[j] / days, height(level[j])) for j in (k, k + 1)]
        page.line(ends, _SOFT)
    points = [at(day, money) for day, money in enumerate(left)]
    if len(points) > 1:
        page.line(points, _LINE, 2.5)
    page.dot(*points[-1], _LINE)


def _draw_spend(page: _Page, spend: Floats, least: float, days: int, shown: Ints) -> None:
    x0, _, x1, bottom = _SPEND
    highest = float(spend.sum(axis=1).max(initial=least))
    height = _axes(page, _SPEND, "Spend per day by promotion", highest)
    _day_labels(page, _SPEND, days)
    step = (x1 - x0) / days
    gap = min(3.0, step / 5)
    rest = np.setdiff1d(np.arange(spend.shape[1]), shown)
    for day, parts in enumerate(spend):
        stack = [(parts[p], _colour(row)) for row, p in enumerate(shown)] + [
            (parts[rest].sum(), _REST)
        ]
        below, edge = 0.0, float(bottom)
        for money, colour in stack:
            below += money
            above = height(below)
            page.box(x0 + step * day + gap, above, x0 + step * (day + 1) - gap, edge, colour)
            edge = above


def _draw_table(page: _Page, table: Sequence[tuple[str, ...]], shown: Ints) -> None:
    x0, y0, x1 = _TABLE
    head, *rows, total = table
    for row, cells in enumerate((head, *rows, total)):
        middle = y0 + _ROW * (row + 0.5)
        colour = _SOFT if row == 0 else _INK
        if 0 < row <= len(rows):
            square = _colour(row - 1) if row <= len(shown) else _REST
            page.box(x0, middle - 6, x0 + 12, middle + 6, square)
        name = cells[0]
        if 0 < row <= len(shown) and not _drawable(name):
            name = f"promotion {shown[row - 1] + 1}"
        page.text(x0 + 20, middle, _cut(name, 110), 13, colour, "lm")
        for cell, edge in zip(cells[1:], _EDGES, strict=True):
            page.text(x0 + edge, middle, cell, 13, colour, "rm")
        if row in (0, len(rows)):
            page.line([(x0, middle + _ROW / 2), (x1, middle + _ROW / 2)], _GRID)


def _axes(
    page: _Page, part: tuple[int, int, int, int], title: str, highest: float
) -> Callable[[float], float]:
    """Title, grid and labels; returns the height of an amount of money."""
    x0, y0, x1, y1 = part
    step = _tick(highest)
    top = max(np.ceil(highest / step), 1) * step

    def height(money: float) -> float:
        return float(y1 - (y1 - y0) * money / top)

    page.text(x0 - 40, y0 - 14, title, 13, _SOFT, "ls")
    for k in range(round(top / step) + 1):
        y = height(k * step)
        page.line([(x0, y), (x1, y)], _GRID)
        page.text(x0 - 6, y, _label(k * step), 11, _SOFT, "rm")
    return height


def _day_labels(page: _Page, part: tuple[int, int, int, int], days: int) -> None:
    x0, _, x1, y1 = part
    every = max(1, -(-days // 14))
    for day in range(1, days + 1, every):
        page.text(x0 + (x1 - x0) * (day - 0.5) / days, y1 + 8, str(day), 11, _SOFT, "mt")


def _tick(highest: float) -> float:
    """A round step that divides a height into two to five parts."""
    if not highest > 0:
        return 1.0
    rough = highest / 4
    power = float(10 ** np.floor(np.log10(rough)))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough)


def _label(money: float) -> str:
    if money >= 1e6:
        return f"{money / 1e6:,.4g}M"
    return f"{money:,.0f}" if money >= 100 else f"{money:.4g}"


def _colour(row: int) -> str:
    base = _COLOURS[row % len(_COLOURS)]
    pale = 1 - 0.65 ** (row // len(_COLOURS))
    parts = (int(base[k : k + 2], 16) for k in (1, 3, 5))
    return "#" + "".join(f"{round(x + (255 - x) * pale * 0.8):02x}" for x in parts)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * _SCALE)


def _drawable(text: str) -> bool:
    """Whether the packaged font has every letter."""
    return all(ord(c) < 0x180 for c in text)


def _cut(text: str, most: float) -> str:
    font = _font(13)
    if font.getlength(text) <= most * _SCALE:
        return text
    while text and font.getlength(text + "...") > most * _SCALE:
        text = text[:-1]
    return text + "..."
