"""The test to run next, as a few facts."""

from __future__ import annotations

from markupsafe import Markup

from promopilot.experiments.report import words
from promopilot.experiments.report.evaluation import Evaluation

_LOG = "exploration"  # the design that is no test yet, but a log to write first
_NONE = "none"  # where there is nothing to test
Fact = tuple[str, Markup | str, Markup | str]


def next_test_facts(shown: Evaluation) -> list[Fact]:
    """Label, value and meaning of what the test needs; what the log cannot say is left out."""
    test = shown.ope.get("next_test", {})
    found: list[Fact] = []

    def known(name: str) -> bool:
        return test.get(name) is not None

    unit = words.spaced(str(test.get("unit", shown.unit)))
    if test.get("design") == _NONE:
        return found
    if known("design"):
        kind = str(test["design"])
        found.append(("Kind of test", *words.DESIGNS.get(kind, (words.spaced(kind), ""))))
    if known("share"):
        share = shown.share("next_test.share", test["share"])
        found.append(("Share for the policy", share, f"of the {unit}s"))
    for name, meaning in (("size", "to log"), ("size_per_arm", "in each group")):
        if known(name):
            told = "to log" if test.get("design") == _LOG else meaning
            size = shown.count(f"next_test.{name}", test[name])
            found.append(("Size", size, f"{unit}s {told}"))
    if known("days"):
        days = shown.count("next_test.days", test["days"])
        found.append(("Lasts", days, "days, in whole weeks"))
    if known("detects"):
        power = ""
        if known("power"):
            power = Markup(" with a chance of {}").format(
                shown.share("next_test.power", test["power"])
            )
        found.append(
            (
                "Would show",
                shown.reward("next_test.detects", test["detects"], sign=True),
                Markup("per {} or more{}").format(shown.unit, power),
            )
        )
    return found
