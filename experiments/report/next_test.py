"""The test to run next, as a few facts."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.report import evaluation_words, words
from promopilot.experiments.report.evaluation import Evaluation
from promopilot.experiments.report.language import tr

_LOG = "exploration"  # the design that is no test yet, but a log to write first
_NONE = "none"  # where there is nothing to test
Fact = tuple[str, Markup | str, Markup | str]


def next_test_facts(shown: Evaluation) -> list[Fact]:
    """Label, value and meaning of what the test needs; what the log cannot say is left out."""
    test = shown.ope.get("next_test", {})
    found: list[Fact] = []

    def known(name: str) -> bool:
        return test.get(name) is not None

    unit = evaluation_words.dealt(str(test["unit"])) if known("unit") else shown.unit
    if test.get("design") == _NONE:
        return found
    if known("design"):
        kind = str(test["design"])
        name, meaning = evaluation_words.DESIGNS.get(kind, (words.spaced(kind), ""))
        found.append((tr("Kind of test"), tr(name), tr(meaning)))
    if known("share"):
        share = shown.share("next_test.share", test["share"])
        found.append((tr("Share for the policy"), share, tr("of the {}s").format(unit)))
    for size_name, group in (("size", tr("to log")), ("size_per_arm", tr("in each group"))):
        if known(size_name):
            told = tr("to log") if test.get("design") == _LOG else group
            size = shown.count(f"next_test.{size_name}", test[size_name])
            found.append((tr("Size"), size, tr("{}s {}").format(unit, told)))
    if known("days"):
        days = shown.count("next_test.days", test["days"])
        found.append((tr("Lasts"), days, tr("days, in whole weeks")))
    if known("detects"):
        power = ""
        if known("power"):
            power = Markup(tr(" with a chance of {}")).format(
                shown.share("next_test.power", test["power"])
            )
        found.append(
            (
                tr("Would show"),
                shown.reward("next_test.detects", test["detects"], sign=True),
                Markup(tr("per {} or more{}")).format(shown.unit, power),
            )
        )
    return found
