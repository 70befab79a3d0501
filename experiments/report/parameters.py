"""What rests on data and what is assumed, parameter by parameter."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.numbers import percent_text
from promopilot.experiments.report.parameter_names import plain_parameter, unsaid
from promopilot.experiments.report.scenario import attributed
from promopilot.experiments.report.section import Page, Section

# In this order; what names none of them is worked out from the others.
_GROUPS = {
    "data": (later("Data"), later("Read from your tables.")),
    "estimate": (
        later("Estimates"),
        later("Worked out from data that was gathered for something else."),
    ),
    "prior": (
        later("Priors"),
        later("Stated beliefs about how markets behave; nothing in the data checks them."),
    ),
    "assumption": (
        later("Assumptions"),
        later("Numbers that the config states; change them there."),
    ),
    "derived": (later("Worked out"), later("Follows from other numbers.")),
}


@dataclass(frozen=True)
class Parameter:
    """One number of the market and where it comes from."""

    name: str
    kind: str  # a key of `_GROUPS`
    source: str
    meaning: str  # where the source needs one


@dataclass(frozen=True)
class Group:
    """Parameters of one kind."""

    kind: str
    title: str
    meaning: str
    parameters: list[Parameter]


def section(page: Page) -> Section:
    """The table, the data's own words, and how much of each order counts."""
    run = page.run
    told = run.tables.sources
    view = {
        "groups": groups(page),
        "about": told.get("about", ""),
        "labels": [
            (tr("An exposure"), told.get("exposure_label", tr("an impression"))),
            (tr("The first event"), run.first_event),
            (tr("The second event"), run.second_event),
        ],
        "basis": _basis(page),
        "attributed": attributed(page),
        "incrementality": _incrementality(page),
        "texts": [
            (name.removeprefix("promotions."), source)
            for name, source in told.items()
            if name == "promotions.text" and not source.startswith("data")
        ],
    }
    return Section(
        "sources", tr("What rests on data, what is assumed"), "sources.html", view, tr("Sources")
    )


def kind_of(source: str) -> str:
    """The group that a source's own words put it in.

    A number before a `;` ("6.00 per 1000; assumption: …") is the value, not the source.
    """
    for part in source.split("; "):
        for kind in ("data", "estimate", "prior", "assumption"):
            if part == kind or part.startswith((f"{kind}:", f"{kind} ")):
                return kind
    return "derived"


def _plain(source: str, kind: str) -> str:
    """A source without the kind that its group already names, and without code marks."""
    text = source.removeprefix(f"{kind}: ").replace("`", "")
    return tr("as given in your tables") if text == kind else text


def groups(page: Page) -> list[Group]:
    """Parameters by kind, empty kinds left out."""
    found = [
        Parameter(
            plain_parameter(name, page.run.placements),
            kind_of(source),
            _plain(source, kind_of(source)),
            unsaid(name),
        )
        for name, source in page.run.parameter_sources.items()
    ]
    return [
        Group(kind, tr(title), tr(meaning), inside)
        for kind, (title, meaning) in _GROUPS.items()
        if (inside := [p for p in found if p.kind == kind])
    ]


def _basis(page: Page) -> list[tuple[str, str, Markup]]:
    plan, money = page.run.plan, page.numbers.money
    sums = plan.groupby("basis")["planned_budget"].sum()
    return [
        (
            basis,
            words.basis(basis),
            money(f"plan:planned_budget?basis={basis}", float(sums.get(basis, 0.0)), cents=False),
        )
        for basis in words.BASIS
    ]


def _incrementality(page: Page) -> Markup:
    share = page.run.world.catalog.incrementality
    if (share == 1).all():
        return Markup(
            tr(
                "Every order after an exposure is counted, whether or not the promotion caused it. "
                "Profit caused by the promotions is smaller, by how much nobody measured."
            )
        )
    source = page.run.parameter_sources.get("incrementality", "")
    text = tr(
        "Of an order's margin only the share that the promotion caused is counted as profit: "
        "between {} and {} of orders, {} at the median promotion. {}"
    )
    ordered = sorted(float(s) for s in share)
    percent = [
        percent_text(100 * s, 0) for s in (ordered[0], ordered[-1], ordered[len(ordered) // 2])
    ]
    return Markup(text).format(*percent, tr("Source: {}.").format(source) if source else "")
