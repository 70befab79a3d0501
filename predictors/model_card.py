"""model_card.md: what a model is, from what it was made and how good it was, for people.

Every figure comes from predictor.json and metrics.json beside it; the same files give the same
bytes. The card is written over the finished files, so no digest covers it or metrics.json, and
nothing that predicts reads either.
"""

import json
from pathlib import Path
from typing import Any

from promopilot.predictors.base_model import WEIGHTS
from promopilot.predictors.errors import ArtifactError

CARD, METRICS, RECORD = "model_card.md", "metrics.json", "predictor.json"
# What decides most of what a model is; the rest stands in predictor.json.
_SETTINGS = (
    *("text_template", "max_tokens", "mode", "trainable_layers", "lora_rank", "rank_loss"),
    *("entire_space", "time_offset", "extra_sd", "group_dropout", "recency_half_life_days"),
    *("head_epochs", "epochs", "encoder_learning_rate", "precision"),
)
_ONLY_OF_MODES = {
    "trainable_layers": ("top_k",),
    "lora_rank": ("lora",),
    "epochs": ("top_k", "full", "lora"),
    "encoder_learning_rate": ("top_k", "full", "lora"),
}
_STAGES = {
    "ctr": "clicks per impression (CTR)",
    "cvr": "conversions per click (CVR)",
    "ctcvr": "conversions per impression (CTCVR)",
}
# Scores in the table, best first in what they say: name, key, how many figures after the point.
_SCORES = (
    ("log-loss per impression", "log_loss", 6),
    ("Spearman", "spearman", 3),
    ("pairs in tests ordered right", "pair_accuracy", 3),
)
_NAMES = {
    "base": "base rate",
    "one_hot": "one-hot fields",
    "tfidf": "TF-IDF",
    "frozen": "frozen base model",
}
# What a fit that goes on from an earlier model kept.
KEPT = {
    "continued": "Kept is what was learnt.",
    "mixed": (
        "Kept is a mixture: weights {share:.0%} of the way from the earlier model's to those that "
        "were learnt."
    ),
    "recalibrated": (
        "Kept are the earlier model's weights, with calendar, calibration and spreads fitted "
        "anew: what was learnt did worse."
    ),
    "earlier": (
        "Kept is the earlier model as it was: nothing that was learnt did better on the new choose "
        "rows without doing more than 0.5 % worse on the old ones."
    ),
}
_TOLD = {"log_loss_base", "baselines", "rows", "impressions", "ece"}


def write_model_card(folder: Path) -> None:
    """Writes model_card.md beside predictor.json, with the scores of metrics.json if it is there.

    Raises:
        ArtifactError: a file is missing or not what it should be, or the card cannot be written.
    """
    record = _read(folder / RECORD)
    metrics = _read(folder / METRICS) if (folder / METRICS).is_file() else {}
    try:
        text = render_card(record, metrics.get("predictor", {}).get("test"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(
            f"{folder} cannot be described: {RECORD} or {METRICS} lacks what a model card tells "
            f"({error})."
        ) from None
    try:
        (folder / CARD).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ArtifactError(f"{folder / CARD} cannot be written ({error.strerror}).") from None


def render_card(record: dict[str, Any], test: dict[str, Any] | None) -> str:
    """Returns the card in Markdown.

    Args:
        record: what predictor.json holds.
        test: scores on rows that the fit never saw, as metrics.json's `predictor.test`; None where
            there are none.
    """
    stages = [_STAGES[stage] for stage in record["stages"]]
    sections = {
        "What it is": _what(record, stages),
        "Data": _data(record["record"]),
        **_earlier(record["record"].get("continued")),
        "Settings that matter": _settings(record),
        "Scores on the test part": _scores(test),
        "Calibration": _calibration(record, stages, test),
        "Uncertainty": _uncertainty(record, stages),
        "Limits": _limits(record),
        "How to use it": _use(),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"# Model card: from promotions to {' and '.join(stages)}\n\n{body}\n"


def _what(record: dict[str, Any], stages: list[str]) -> str:
    base = record["record"]["base_model"]
    origin = {"packaged": "packaged", "local": "a local folder", "hub": "from the hub"}
    revision = f", revision {base['revision']}" if base.get("revision") else ""
    lines = [
        f"A BERT encoder with a funnel head that predicts {' and '.join(stages)} of a promotion in "
        "a placement and segment on a day, with standard errors.",
        "",
        f"- written by promopilot {record['promopilot']}, format {record['format']}",
        f"- base model: {_quoted(base['name'])} ({origin[base['source']]}{revision})",
        *(f"- base {name}: sha256 {digest}" for name, digest in base["digests"].items()),
        f"- fitted {WEIGHTS}: sha256 {record['digests'][WEIGHTS]}",
    ]
    return "\n".join(lines)


def _data(record: dict[str, Any]) -> str:
    columns = ("from", "to", "rows", "promotions", "impressions", "events")
    table = [["part", *columns]]
    for part in ("fit", "choose"):
        told = record["data"][part]
        table.append([part, *(_figure(told.get(name)) for name in columns)])
    lines = [_table(table), "", "Events are counts of the last recorded stage."]
    split = record.get("split", {})
    by = {
        "time": "The choose part is later than the fit part.",
        "group": "Whole groups of promotions were held out: no text and no group is in two parts.",
    }
    if split.get("by") in by:
        lines += ["", by[split["by"]]]
    return "\n".join(lines)


def _earlier(told: dict[str, Any] | None) -> dict[str, str]:
    """What it went on from, and why what is here was kept; nothing where it was fitted anew."""
    if told is None:
        return {}
    table = [["log-loss on choose rows", "earlier model", "kept", "at most"]]
    for age, places in (("old", 6), ("new", 6)):
        scores = told[age]
        most = scores.get("limit", scores["earlier"])
        table.append(
            [age, *(_figure(x, places) for x in (scores["earlier"], scores["kept"], most))]
        )
    replayed = told["replayed"]
    before = told["from"]["data"]
    lines = [
        f"The fit went on from a model of the days {before['fit']['from']} to "
        f"{before['choose']['to']} (seal {_quoted(told['from']['seal'])}, the last of "
        f"{len(told['lineage'])} in its line), with {_figure(replayed['texts'])} of "
        f"{_figure(replayed['of_texts'])} old texts learnt again beside the new ones.",
        "",
        KEPT[told["kept"]].format(share=told["share"]),
        "",
        _table(table),
    ]
    return {"Earlier model": "\n".join(lines)}


def _settings(record: dict[str, Any]) -> str:
    settings = record["settings"]
    mode = settings["mode"]
    lines = [
        f"- {name}: {_quoted(settings[name])}"
        for name in _SETTINGS
        if name in settings and mode in _ONLY_OF_MODES.get(name, (mode,))
    ]
    if "seed" in record["record"]:
        lines.append(f"- seed: {_quoted(record['record']['seed'])}")
    return "\n".join(lines)


def _scores(test: dict[str, Any] | None) -> str:
    if test is None:
        return "Not measured: no rows were left that the fit had not used."
    shown = [score for score in _SCORES if test.get(score[1]) is not None]
    table = [["", *(name for name, _, _ in shown)]]
    table.append(["this model", *(_figure(test[key], places) for _, key, places in shown)])
    for name in ("base", *test.get("baselines", {})):
        cells = [_figure(_of_baseline(test, key, name), places) for _, key, places in shown]
        table.append([_NAMES.get(name, name), *cells])
    lines = [_table(table), ""]
    lines.append(f"On {test['rows']:,} rows with {test['impressions']:,} impressions.")
    if test.get("pair_accuracy") is None:
        lines[-1] += " There are no randomised tests in them to order pairs in."
    told = _TOLD | {key for _, key, _ in shown}
    more = [
        f"- {key.replace('_', ' ')}: {_figure(value, 4)}"
        for key, value in sorted(test.items())
        if key not in told and isinstance(value, int | float)
    ]
    return "\n".join([*lines, *(["", *more] if more else [])])


def _of_baseline(test: dict[str, Any], key: str, name: str) -> Any:
    if key == "log_loss":
        return test.get("log_loss_base") if name == "base" else test["baselines"].get(name)
    return (test.get(f"baselines_{key}") or {}).get(name)


def _calibration(record: dict[str, Any], stages: list[str], test: dict[str, Any] | None) -> str:
    fitted = record["calibration"]
    keys = [key for key in fitted if fitted[key]]
    table = [["stage", *keys]]
    for number, stage in enumerate(stages):
        table.append([stage, *(_figure(fitted[key][number], 4) for key in keys)])
    lines = [_table(table), "", "Fitted on the choose part, on each stage's logit."]
    if test is not None and test.get("ece") is not None:
        lines[-1] += f" Calibration error on the test part: {_figure(test['ece'], 6)}."
    return "\n".join(lines)


def _uncertainty(record: dict[str, Any], stages: list[str]) -> str:
    keys = [k for k, v in record["spreads"][0].items() if isinstance(v, int | float)]
    table = [["stage", *(key.replace("_", " ") for key in keys)]]
    # In a funnel the spread of both stages together comes last: their shifts are not independent.
    names = [*stages, _STAGES["ctcvr"]][: len(record["spreads"])]
    for stage, spread in zip(names, record["spreads"], strict=True):
        table.append([stage, *(_figure(spread[key], 3) for key in keys)])
    return (
        f"{_table(table)}\n\nStandard deviations in log-odds: `shared` shifts all line items of a "
        "promotion together, `own` one of them; `shared new` holds for a text that the fit never "
        "saw, and half of its excess is learnt away by `half events` events. Placement, segment "
        "and group are added where that one is unknown."
    )


def _limits(record: dict[str, Any]) -> str:
    vocabulary, told = record["vocabulary"], record["record"]
    known = ", ".join(f"{len(vocabulary[k])} {k}" for k in ("placements", "segments", "groups"))
    tests = told["data"]["fit"].get("tests", 0)
    last = max(told["data"][part]["to"] for part in ("fit", "choose"))  # ISO dates sort as text
    lines = [
        _language(told.get("readability")),
        f"It knows {known}; any other is predicted as unknown, with wider errors.",
        f"It has seen nothing after {last}: later dates keep the level of the last weeks.",
        (
            f"{tests:,} randomised tests compare promotions inside them; all other differences are "
            "observed, not caused: who was shown what was not drawn by lot."
            if tests
            else "The data are observational: promotions were not shown at random, so differences "
            "between them are not effects of their texts."
        ),
        "Not checked: other shops, other languages, and any date after the data.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _language(readability: dict[str, Any] | None) -> str:
    if readability is None:
        return "How much of the texts the base model's vocabulary covers was not measured."
    unread, cut = readability["unread_share"], readability["cut_share"]
    return (
        f"The base model's vocabulary leaves {unread:.1%} of the texts' letters unread; {cut:.1%} "
        f"of {readability['texts']:,} texts are longer than {readability['max_tokens']} word "
        "pieces and are cut. A language that the base model does not know is not understood."
    )


def _use() -> str:
    return (
        "```\npromopilot predictor predict MODEL --data DIR --out rates.csv\n```\n\n"
        "```python\nfrom promopilot.predictors import Predictor\n\n"
        'predictor = Predictor.load("MODEL")\n```\n\n'
        "Loading checks the digest of every file and runs no code from the folder."
    )


def _table(rows: list[list[str]]) -> str:
    head, *body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _figure(value: Any, places: int = 0) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.{places}f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _quoted(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} is not readable JSON ({error}).") from None
    if not isinstance(found, dict):
        raise ArtifactError(f"{path} holds no JSON object.")
    return found
