"""Offline evaluation of the plan: what a log of decisions says, and how far to trust it."""

from __future__ import annotations

from math import nan

from markupsafe import Markup

from promopilot.experiments.report import evaluation_words
from promopilot.experiments.report.evaluation import Evaluation
from promopilot.experiments.report.evaluation_view import evaluation_view
from promopilot.experiments.report.gain import CURRENT
from promopilot.experiments.report.language import tr
from promopilot.experiments.report.rewards import Rewards
from promopilot.experiments.report.said import said
from promopilot.experiments.report.section import Page, Section

_FAR_APART = 2.0  # times one gain that the other is
_ROLLED_GAP = "abs ope:market.rolled_out_value - ope:market.true_value / ope:market.true_value"


def section(page: Page) -> Section:
    """Verdict, next test, estimates beside the truth, usable evidence."""
    ope = page.run.ope
    market = ope.get("market")
    shown = Evaluation(ope, page.numbers, _rewards(page), policy=tr("the plan"))
    view = evaluation_view(shown, evaluation_words.VERDICTS, market) | {
        "decision": _decision(page),
        "market": _market(shown),
        "planned_for": _planned_for(page, shown),
        "why_they_differ": said((market or {}).get("why_they_differ", "")),
    }
    return Section(
        "evidence", tr("Evidence from a log of decisions"), "evidence.html", view, tr("Evidence")
    )


def _rewards(page: Page) -> Rewards:
    """Money, unless orders are what counts."""
    ope = page.run.ope
    if page.run.world.objective != "conversions":
        return Rewards(page.numbers, money=True)
    values = [ope["logged_value"], *(row["estimate"] for row in ope["estimates"])]
    return Rewards.plain(page.numbers, values)


def _market(shown: Evaluation) -> Markup:
    market = shown.ope.get("market")
    if not market:
        return Markup("")
    gap, true = market["rolled_out_value"] - market["true_value"], market["true_value"]
    return Markup(
        tr(
            "True value of the plan's choices at the logged moments: {}. The plan played for whole "
            "flights: {} ({}) per decision, {} {}."
        )
    ).format(
        shown.reward("market.true_value", true),
        shown.reward("market.rolled_out_value", market["rolled_out_value"]),
        shown.rewards.between(shown.key("market.rolled_out_ci95"), market["rolled_out_ci95"]),
        shown.numbers.share(_ROLLED_GAP, abs(gap / true) if true else nan, 1),
        tr("more") if gap > 0 else tr("less"),
    )


def _planned_for(page: Page, shown: Evaluation) -> Markup:
    """Which gain the next test is made for, where flights and log tell very different ones."""
    market, deciding = shown.ope.get("market"), shown.deciding
    if not market or deciding is None or "detects" not in shown.ope.get("next_test", {}):
        return Markup("")
    at, row = deciding
    rolled, brought = market["rolled_out_value"], page.run.plan_value["value_as_exported"]
    mix = page.run.simulations["policies"][CURRENT]["value_mean"]
    logged = row["diff_vs_logged"]
    simulated = rolled * (brought - mix) / brought if brought else nan
    if not 0 < _FAR_APART * logged < simulated:
        return Markup("")
    return Markup(
        tr(
            "Per decision the simulated flights promise {} more than the current mix, this log {} "
            "more than its own choices: the test is planned for the smaller gain, because a test "
            "as short as the larger one asks for would most likely miss it."
        )
    ).format(
        shown.rewards.show("average:simulated_gain", simulated),
        shown.reward(f"estimates.{at}.diff_vs_logged", logged),
    )


def _decision(page: Page) -> Markup:
    market = page.run.ope.get("market")
    if not market:
        return Markup("")
    text = tr(
        "A decision fills one part in {} of a day's expected exposures of a placement and segment "
        "with one promotion, or with none. The log tries things at random in {} of its decisions."
    )
    return Markup(text).format(
        page.numbers.count("ope:market.blocks_per_pool_and_day", market["blocks_per_pool_and_day"]),
        page.numbers.share("ope:market.exploration", market["exploration"]),
    )
