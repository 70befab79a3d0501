"""The study's page, docs/offline-evaluation-study.md."""

from __future__ import annotations

from collections.abc import Sequence

from promopilot.experiments.bench.ope_study.judge import (
    HIGHEST,
    LEAST_ESS,
    LEAST_PASSED,
    LEAST_SHIPPED,
    LOWEST,
    MOST_ERROR,
    MOST_SHIPPED,
    Coverage,
    Decision,
)
from promopilot.experiments.bench.ope_study.settings import BETTER, DECISIONS, EQUAL, NEW, WORSE

_INTRODUCTION = f"""# Study of offline evaluation: do intervals and verdicts keep their word?

Written by `promopilot bench ope_study`; made anew by `make test-slow`. Do not edit by hand.

Logs are drawn from made-up worlds in which the value of every policy is known exactly, and each is
evaluated as `promopilot ope` does it by default, reward models fitted on the log included (linear
ones for slates, to save time). The policy judged gains 8 %; others gain nothing or lose 5 %.
*Good* overlap: the log is worth half its rows to the policy (usable evidence, ESS); *poor*: 7 % of
them, and few of them tell much.

- **bandit**: 4,000 customers with five features, eight offers, softmax logging. *purchases*: 0 or
  1, at 5 to 20 %. *baskets*: a purchase is worth a basket of log-normal size, customers come back
  up to three times and their visits share their luck; intervals resample customers. *clicks*: 0 or
  1, at 1 % or so.
- **slate**: six offers in three places, drawn without repetition. *places*: a click depends on the
  offer and its place. *readers*: it also depends on the offers above, so estimators that assume
  otherwise (iips, sniips) are shown and not judged.
- **sequential**: five weeks per customer, four actions, fifteen states, log-normal baskets.

Intervals are 95 % ones by the studentised bootstrap (`ope.interval: auto`), each end that of the
wider of the equal-tailed and the symmetric one. *Past the gate* are logs whose verdict is not
`insufficient_support`. Coverage past the gate is judged where at least {LEAST_PASSED} logs pass, by
exact binomial tests at 1 % against {LOWEST:.0%} and {HIGHEST:.0%}, with no correction for their
number. Coverage over all logs stands beside it, in brackets.

What was chosen with such worlds in view: the form of the interval, on bandit logs of these worlds;
and the gate (`ope.min_ess`, `ope.max_unseen_z`) and whose interval an estimator takes, on logs of
the same worlds drawn with other seeds.
"""


def page(coverages: Sequence[Coverage], decisions: Sequence[Decision], logs: int) -> str:
    """The page, Markdown."""
    judged = [one for one in coverages if one.finding != "not judged"]
    failed = [one for one in judged if one.finding != "holds"]
    within = sum(LOWEST <= one.share <= HIGHEST for one in judged)
    lines = [
        _INTRODUCTION,
        f"## Coverage\n\n{logs} logs a setting. Of {len(judged)} intervals judged, "
        f"{len(judged) - len(failed)} hold ({within} shares are within as they stand)"
        + (
            "."
            if not failed
            else "; those that do not: "
            + "; ".join(
                f"{one.setting.name} {one.estimator} ({one.of}, {one.finding})" for one in failed
            )
            + "."
        ),
        "",
    ]
    for setting in dict.fromkeys(one.setting for one in coverages):
        lines += _coverage_table([one for one in coverages if one.setting == setting])
    return "\n".join([*lines, *_decision_table(decisions)]) + "\n"


def _coverage_table(rows: Sequence[Coverage]) -> list[str]:
    setting, passed = rows[0].setting, rows[0].passed
    lines = [
        f"### {setting.kind}, {setting.says}: {setting.overlap} overlap, {setting.units:,} units",
        "",
        f"{passed} of {rows[0].logs} logs past the gate"
        + ("." if passed >= LEAST_PASSED else ": too few to be judged."),
        "",
        "| estimator | value | gain | finding |",
        "|---|---|---|---|",
    ]
    for value, gain in zip(rows[::2], rows[1::2], strict=True):
        finding = (
            value.finding
            if value.finding == gain.finding
            else (f"value {value.finding}, gain {gain.finding}")
        )
        lines.append(f"| {value.estimator} | {_cell(value)} | {_cell(gain)} | {finding} |")
    return [*lines, ""]


def _cell(one: Coverage) -> str:
    past = "-" if not one.passed else f"{one.share:.1%}"
    return f"{past} ({one.all_hits / one.logs:.1%})"


def _decision_table(decisions: Sequence[Decision]) -> list[str]:
    words = {NEW: "gains 8 %", EQUAL: "gains nothing", WORSE: "loses 5 %", BETTER: "gains 10 %"}
    asked = [one for one in decisions if one.holds is not None]
    held = sum(bool(one.holds) for one in asked)
    lines = [
        "## Decisions",
        "",
        "The logs count as logged evidence. Asked: of policies that gain nothing or lose, at "
        f"most {MOST_SHIPPED:.0%} get the verdict `ship`; of those that gain 10 %, at least "
        f"{LEAST_SHIPPED:.0%}, where usable evidence is at least {LEAST_ESS:.0%} of the rows and "
        f"the standard error at most {MOST_ERROR:.0%} of the gain. {held} of {len(asked)} hold. "
        f"Policies that gain 8 % are shown and nothing is asked of them. {DECISIONS} logs at most "
        "for those that gain 10 %.",
        "",
        "| setting | policy | usable evidence | standard error / gain | `ship` | refused | holds |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in decisions:
        error = "-" if one.policy == EQUAL else f"{one.error_share:.0%}"
        holds = "-" if one.holds is None else ("yes" if one.holds else "**no**")
        lines.append(
            f"| {one.setting.name} | {words[one.policy]} | {one.ess_share:.0%} | {error} | "
            f"{one.share:.1%} | {one.refused / one.logs:.1%} | {holds} |"
        )
    return lines
