"""Contents of `ope.json` as an evaluation of each kind writes them, with figures made up."""

from typing import Any

from promopilot.experiments.report import evaluation_words

KINDS = {
    "bandit": (
        *("dm", "ipw", "ipw_clip", "snipw", "dr", "sndr", "switch_dr", "dros", "sg_ipw", "sg_dr"),
        *("balanced_ipw", "mipw", "snmipw"),
    ),
    "slate": ("sips", "iips", "rips", "snsips", "sniips", "snrips", "cascade_dr"),
    "continuous": ("kernel_ipw", "kernel_snipw", "kernel_dr"),
    "sequential": (
        *("dm_seq", "tis", "pdis", "sntis", "snpdis", "dr_seq", "sndr_seq", "mis", "fqe"),
    ),
}  # the estimators of the contract
PRIMARY = {"bandit": "dr", "slate": "snrips", "continuous": "kernel_dr", "sequential": "dr_seq"}
TUNED = {"ipw_clip", "switch_dr", "dros", "sg_ipw", "sg_dr"}
VERDICTS = tuple(evaluation_words.VERDICTS)


def estimate(name: str, at: int) -> dict[str, Any]:
    """A row of `estimates`: gains grow with `at`, from below 0."""
    value = 0.2 + 0.01 * at
    row = {
        "estimator": name,
        "params": {"lambda": 2.5 + at} if name in TUNED else {},
        "estimate": value,
        "ci95": [value - 0.031, value + 0.027],
        "diff_vs_logged": value - 0.24,
        "diff_ci95": [value - 0.24 - 0.021, value - 0.24 + 0.019],
        "ess": 812.4 - at,
        "max_weight": 17.25,
        "clip_share": 0.0,
        "interval": "bootstrap",
    }
    return row | ({"tuned_by": "SLOPE", "candidates": 8} if name in TUNED else {})


def diagnostics(kind: str) -> dict[str, Any]:
    """All figures that a page can show."""
    return {
        "units": 1500,
        "ess": 812.4,
        "ess_share": 0.2031,
        "max_weight": 17.25,
        "max_weight_share": 0.0049,
        "tail_mass": 0.083,
        "pareto_k": 0.31,
        "mean_weight": 0.991,
        "mean_weight_z": -0.4,
        "unsupported_share": 0.012,
        "unsupported_actions": ["tea"],
        "weight_histogram": [
            {"from": 0.0, "to": 0.0, "units": 1200, "weight_share": 0.0},
            {"from": 0.00048828125, "to": 0.0009765625, "units": 1, "weight_share": 1e-7},
            {"from": 0.5, "to": 1.0, "units": 1600, "weight_share": 0.31},
            {"from": 1.0, "to": 2.0, "units": 1100, "weight_share": 0.42},
            {"from": 16.0, "to": 32.0, "units": 99, "weight_share": 0.27},
        ],
        "reward_calibration": [
            {"predicted": p, "observed": o, "low": o - 0.02, "high": o + 0.02, "units": 800}
            for p, o in ((0.1, 0.12), (0.2, 0.19), (0.3, 0.35), (0.4, 0.41))
        ],
        "propensity_calibration": [
            {"action": name, "predicted": p, "observed": o, "units": 1000}
            | {"low": o - 0.01, "high": o + 0.01}
            for name, p, o in (("<b>tea</b>", 0.5, 0.505), ("milk", 0.3, 0.28), ("none", 0.2, 0.2))
        ],
        "agreement": {
            "first": PRIMARY[kind],
            "second": "snipw",
            "difference": 0.0041,
            "error": 0.005,
            "z": 0.82,
        },
        "clip_sensitivity": [
            {"cap": 2.5, "estimate": 0.22, "low": 0.2, "high": 0.24, "clip_share": 0.1},
            {"cap": 17.25, "estimate": 0.25, "low": 0.22, "high": 0.28, "clip_share": 0.0},
        ],
        "reward_model": "cross-fitted",
        "propensities": "logged",
        "notes": ["The value is that of the policy's choices at the logged moments."],
    }


def evaluation(kind: str = "bandit", verdict: str = "test_first") -> dict[str, Any]:
    """A whole `ope.json`."""
    found: dict[str, Any] = {
        "verdict": verdict,
        "evidence": "logged",
        "reasons": ["One reason.", "Another with <b>markup</b> & more."],
        "kind": kind,
        "logged_value": 0.24,
        "rows": 4000,
        "estimates": [estimate(name, at) for at, name in enumerate(KINDS[kind])],
        "diagnostics": diagnostics(kind),
    }
    if verdict != "ship":
        found["next_test"] = {
            "design": "holdout",
            "unit": "decision",
            "share": 0.5,
            "size_per_arm": 12345,
            "days": 21,
            "detects": 0.02,
            "power": 0.8,
            "confidence": 0.95,
            "settles": "Switch if the range of the difference lies above 0.",
            "text": "Draw by lot for each decision who decides.",
        }
    return found
