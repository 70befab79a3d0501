"""The page of an offline evaluation that belongs to no run: one policy, or several compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from promopilot.experiments.manifest import versions
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.report import evaluation_words
from promopilot.experiments.report.candidates import candidates_section
from promopilot.experiments.report.evaluation import Evaluation
from promopilot.experiments.report.evaluation_view import evaluation_view
from promopilot.experiments.report.language import later, tr
from promopilot.experiments.report.numbers import Numbers, marked, percent_text
from promopilot.experiments.report.page import render_page
from promopilot.experiments.report.raw_names import raw_names_of_evaluations
from promopilot.experiments.report.rewards import Rewards
from promopilot.experiments.report.section import Section


@dataclass(frozen=True)
class About:
    """With what an evaluation was made."""

    inputs: Inputs
    settings: OpeSettings
    seed: int


def render_evaluation(
    results: Mapping[str, dict[str, Any]], selection: dict[str, Any] | None, about: About
) -> str:
    """One self-contained HTML page.

    Args:
        results: The content of each `ope.json` by what its policy is called.
        selection: The content of `selection.json` where there are several policies.
        about: With what they were made.
    """
    numbers = Numbers("")
    rewards = Rewards.plain(numbers, _rewards(results))
    names = list(results)
    shown = {
        name: Evaluation(
            ope=result,
            numbers=numbers,
            rewards=rewards,
            policy=tr("the policy"),
            file="ope" if selection is None else f"candidate-{at}",
            id="" if selection is None else f"candidate-{at}-",
        )
        for at, (name, result) in enumerate(results.items())
    }
    log = about.inputs.log.name
    if selection is None:
        only = shown[names[0]]
        sections = [_summary(only, names[0])]
        heading = tr("Would “{}” have been better?").format(names[0])
    else:
        sections = [candidates_section(shown, selection)]
        sections += [
            Section(
                f"candidate-{at}",
                tr("Policy “{}”").format(name),
                "evidence.html",
                _view(one, name),
                f"“{name}”",
            )
            for at, (name, one) in enumerate(shown.items())
        ]
        heading = tr("Which of {} policies would have been best?").format(len(names))
    sections.append(_provenance(shown, about))
    return render_page(
        sections, tr("Offline evaluation, {}").format(log), tr("offline evaluation"), heading
    )


def _rewards(results: Mapping[str, dict[str, Any]]) -> list[float | None]:
    return [
        value
        for result in results.values()
        for value in (result["logged_value"], *(row["estimate"] for row in result["estimates"]))
    ]


def _summary(shown: Evaluation, name: str) -> Section:
    return Section("summary", tr("Summary"), "evidence.html", _view(shown, name))


def _view(shown: Evaluation, name: str) -> dict[str, Any]:
    own = {"decision": _sentence(shown, name), "market": "", "why_they_differ": ""}
    return evaluation_view(shown, evaluation_words.POLICY_VERDICTS) | own


def _sentence(shown: Evaluation, name: str) -> Markup:
    """The estimate that the verdict rests on, in one sentence."""
    ope = shown.ope
    if shown.deciding is None:
        return Markup("")
    at, row = shown.deciding
    text = Markup(tr("Over {} logged {}s, which brought {} each, “{}” ")).format(
        shown.count("rows", ope["rows"]),
        shown.unit,
        shown.reward("logged_value", ope["logged_value"]),
        name,
    )
    if ope.get("outlook") == "same":
        return text + tr("would have brought the same.")
    place = "gain_ci95_all" if "gain_ci95_all" in row else "diff_ci95"
    text += Markup(tr("is estimated to bring {}: {} per {} ({} range{}: {}){}, by the {}.")).format(
        shown.reward(f"estimates.{at}.estimate", row["estimate"]),
        shown.reward(f"estimates.{at}.diff_vs_logged", row["diff_vs_logged"], sign=True),
        shown.unit,
        shown.sure,
        tr(", for all policies at once") if place == "gain_ci95_all" else "",
        shown.rewards.between(shown.key(f"estimates.{at}.{place}"), row[place], sign=True),
        _relative(shown, at, row),
        shown.called(row),
    )
    if ope["verdict"] == "insufficient_support":
        return Markup("{} {}").format(tr(_WARNING), text)
    return text


_WARNING = later("The log says too little for the following to be relied on.")
# A gain is also told as a share of what was logged, unless that is smaller than this share of what
# it would be compared with: per cent of next to nothing say nothing.
_LEAST_LOGGED = 0.05


def _relative(shown: Evaluation, at: int, row: Mapping[str, Any]) -> Markup:
    logged, gain = shown.ope["logged_value"], row["diff_vs_logged"]
    sizes = [abs(value) for value in (row["estimate"], *row["diff_ci95"])]
    if logged <= _LEAST_LOGGED * max(sizes):
        return Markup("")
    key = shown.key(f"estimates.{at}.diff_vs_logged / {shown.key('logged_value')}")
    text = percent_text(100.0 * gain / logged, 1, sign=True)
    return Markup(tr(", or {}")).format(marked(key, gain / logged, text))


def _provenance(shown: Mapping[str, Evaluation], about: About) -> Section:
    files = about.inputs
    given = [
        (tr("Log"), files.log),
        (tr("Reward estimates"), files.qhat),
        (tr("Features of actions"), files.action_features),
        (tr("Logging policy"), files.behavior),
    ]
    first = next(iter(shown.values()))
    names = {
        row["estimator"]: evaluation_words.estimator(row["estimator"])
        for one in shown.values()
        for row in one.ope["estimates"]
    }
    view = {
        "files": [(name, str(path.name)) for name, path in given if path is not None],
        "policies": list(shown),
        "kind": first.ope.get("kind", ""),
        "seed": about.seed,
        "settings": [
            (name, str(value)) for name, value in about.settings.model_dump(mode="json").items()
        ],
        "estimates": [
            (evaluation_words.estimator(row["estimator"]), *_raw(row))
            for one in shown.values()
            for row in one.ope["estimates"]
        ],
        "names": [(plain, raw) for raw, plain in names.items()] + raw_names_of_evaluations(),
        "versions": list(versions().items()),
    }
    return Section("provenance", tr("Provenance"), "evaluation_provenance.html", view)


def _raw(row: Mapping[str, Any]) -> tuple[str, str, str]:
    params = ", ".join(f"{key}={value}" for key, value in row["params"].items())
    return row["estimator"], params, row.get("tuned_by", "")
