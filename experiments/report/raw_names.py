"""What figures of offline evaluations are called on pages, and in files and the literature."""

from __future__ import annotations

from promopilot.experiments.report.language import later, tr

_OPE = {
    later("usable evidence"): "ESS: (sum of weights)² / sum of squared weights",
    later("weight"): "probability under the plan or policy / logged propensity",
    later("tail of the weights"): "Pareto k of the largest weights",
    later("forecast"): "reward model, q",
    later("never logged"): "unsupported_share",
}


def raw_names_of_evaluations() -> list[tuple[str, str]]:
    """Plain name and raw name of each."""
    return [(tr(plain), raw) for plain, raw in _OPE.items()]
