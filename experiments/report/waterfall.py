"""What the change brings: from the current mix's result to the plan's, promotion by promotion."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.chart import Chart, labelled_rows, layout, outcome_axis
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.numbers import bare, marked
from promopilot.experiments.report.replay import both
from promopilot.experiments.report.section import Page

MOST_ROWS = 8
_BAR = 16  # px
# Where totals are so much larger than what lies between them, the axis does not begin at 0.
_FAR = 4.0


def waterfall_chart(page: Page) -> Chart:
    """The current mix in an average flight, what each promotion adds or loses, and the plan."""
    flights = both(page.run).groupby(level="promotion_id", sort=False).sum()
    added = flights["after"] - flights["before"]
    order = added.abs().sort_values(ascending=False, kind="stable").index
    shown = added[order[:MOST_ROWS]].sort_values(ascending=False, kind="stable")
    rest = added[order[MOST_ROWS:]]
    names = [page.run.promotions.get(str(i), str(i)) for i in shown.index]
    steps = shown.tolist()
    if len(rest):
        names.append(tr("all others ({})").format(len(rest)))
        steps.append(float(rest.sum()))
    before, after = float(flights["before"].sum()), float(flights["after"].sum())
    rows = labelled_rows([tr("current mix"), *names, tr("plan")], _BAR)
    is_money = page.run.world.objective != "conversions"

    def text(value: float, *, sign: bool) -> str:
        if is_money:
            return page.numbers.amount(value, sign=sign, cents=False)
        return bare(value, 0, sign=sign)

    bars = {
        "type": "waterfall",
        "orientation": "h",
        "measure": ["absolute", *("relative" for _ in steps), "total"],
        "x": [before, *steps, after],
        "y": rows.at,
        "width": _BAR,
        "text": [text(v, sign=0 < n <= len(steps)) for n, v in enumerate([before, *steps, after])],
        "textposition": "outside",
        "cliponaxis": False,
        "textfont": {"color": "muted", "size": 11},
        "connector": {"line": {"color": "line", "width": 1}},
        "increasing": {"marker": {"color": "accent"}},
        "decreasing": {"marker": {"color": "warm"}},
        "totals": {"marker": {"color": "before"}},
        "hovertemplate": "%{text}<extra></extra>",
    }
    span, cut = _span(before, steps)
    horizontal = outcome_axis(page.numbers.symbol, page.run.world.objective)
    return Chart(
        id="waterfall",
        title=tr("What the changes bring: {}").format(words.objective(page.run.world.objective)),
        traces=[bars],
        layout=layout(
            yaxis=rows.axis,
            xaxis=horizontal | {"range": span, "nticks": 5},
            annotations=rows.names,
        ),
        height=rows.height + 40,
        note=_note(page, before, after, cut),
    )


def _span(before: float, steps: list[float]) -> tuple[list[float], bool]:
    """Range of the axis, and whether it leaves 0 out."""
    at = [before]
    for step in steps:
        at.append(at[-1] + step)
    low, high = min(at), max(at)
    room = (high - low) or abs(high) or 1.0
    if low > _FAR * room:
        return [low - 0.6 * room, high + 0.5 * room], True
    return [min(0.0, low) - 0.24 * room * (low < 0), max(0.0, high) + 0.3 * max(room, high)], False


def _note(page: Page, before: float, after: float, cut: bool) -> Markup:
    show = page.numbers.amount
    if page.run.world.objective == "conversions":
        text = [bare(value, 0) for value in (before, after)]
    else:
        text = [show(value, cents=False) for value in (before, after)]
    note = Markup(
        tr(
            "Both mixes are played in one average flight: {} becomes {}. Each bar is what a "
            "promotion adds or loses there, together with all others. The means over simulated "
            "flights, in the tiles, differ a little."
        )
    ).format(
        marked("average:before", before, text[0]),
        marked("average:after", after, text[1]),
    )
    return note + (Markup(tr(" The axis does not begin at 0.")) if cut else Markup(""))
