"""The page: sections in order, one template, everything inline."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.report import (
    allocation,
    backtest,
    caveats,
    changes,
    comparison,
    curves,
    daily,
    glossary,
    limits,
    offline,
    parameters,
    prediction,
    provenance,
    scenario,
    why,
)
from promopilot.experiments.report.finished_run import read_run
from promopilot.experiments.report.language import TAGS, Language, speaking, spoken, tr
from promopilot.experiments.report.numbers import Numbers
from promopilot.experiments.report.scenario_curves import has_scenarios, scenario_section
from promopilot.experiments.report.section import Page, Section, period

_PLAN = (scenario, changes, allocation, curves, daily)
# Between these stands what another budget would bring, where that was worked out.
_EVIDENCE = (
    *(limits, prediction, backtest, why, comparison, offline),
    *(parameters, caveats, glossary, provenance),
)
_HERE = Path(__file__).parent


def render_report(run: Path, language: Language | None = None) -> str:
    """The report of a run as one self-contained HTML page.

    Args:
        run: A run folder whose stages before the report are finished.
        language: The page's language; the one of the run's config where None.

    Raises:
        RunFolderError: A file of the run is missing.
        ConfigError, DataError, MarketError: A file cannot be read.
    """
    finished = read_run(run)
    page = Page(finished, Numbers(finished.world.currency))
    dates = finished.world.dates
    with speaking(language or finished.config.report.language):
        of = period(dates[0], dates[-1])
        sections = [module.section(page) for module in _PLAN]
        sections += [scenario_section(page)] if has_scenarios(page) else []
        sections += [module.section(page) for module in _EVIDENCE]
        return render_page(sections, tr("Promotion plan, {}").format(of), tr("promotion plan"), of)


def render_page(sections: Sequence[Section], title: str, kicker: str, heading: str) -> str:
    """Sections as one self-contained HTML page; the first one's id is `summary`.

    Args:
        sections: What the page shows, in order.
        title: What a browser calls the page.
        kicker: The kind of page, above its heading.
        heading: Its heading.
    """
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Markup, so that what is filled in is escaped and figures keep their marks.
    environment.globals["tr"] = lambda text: Markup(tr(text))
    return environment.get_template("page.html").render(
        sections=sections,
        title=title,
        kicker=kicker,
        heading=heading,
        style=_inline("style.css"),
        charts=_inline("charts.js"),
        tables=_inline("tables.js"),
        language=TAGS[spoken()],
        plotly=_plotly(),
    )


def write_report(run: Path, language: Language | None = None) -> Path:
    """Write `report.html` into a run folder, in one step, and return its path.

    Args:
        run: As for `render_report`.
        language: As for `render_report`.

    Raises:
        RunFolderError, ConfigError, DataError, MarketError: As `render_report`.
    """
    path = run / "report.html"
    write_text_atomic(path, render_report(run, language))
    return path


def _inline(name: str) -> Markup:
    return Markup((_HERE / name).read_text(encoding="utf-8"))


def _plotly() -> Markup:
    """The drawing library that the package plotly carries; nothing is fetched."""
    bundle = files("plotly") / "package_data" / "plotly.min.js"
    text = bundle.read_text(encoding="utf-8")
    # The text of a script ends at its end tag wherever that stands.
    return Markup(text.replace("</script", "<\\/script"))
