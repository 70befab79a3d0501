"""explanations.json: what raises and lowers the rates that the plan rests on.

Effects are in per cent of a rate, by `rates`: a word of +10 multiplies it by 1.1. Those of words
are held against the text without words, those of fields against the average of the promotions
explained; `fields` is how far each field moves rates on average, whichever way.
`comprehensiveness` is the deletion test of `promopilot.predictors.deletion`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from promopilot.envs.arrays import Floats
from promopilot.experiments.tables import Tables
from promopilot.experiments.tables.keys import ITEM

if TYPE_CHECKING:
    from promopilot.predictors import PredictorHost, PredictorSettings
    from promopilot.predictors.deletion import Faithfulness

EXPLANATIONS = "explanations.json"
# Promotions explained, those with most planned money: about 0.1 s each on one core.
MOST = 40
CONTEXTS = 24  # line items and days that stand for all in which a promotion is shown


def explain_run(
    run: Path, host: PredictorHost, tables: Tables, settings: PredictorSettings, seed: int
) -> dict[str, Any]:
    """Explains the promotions that the plan in a run folder gives most money; see `explain_plan`.

    Raises:
        ArtifactError: The predictor's tokenizer cannot be read.
    """
    from promopilot.predictors.artifact_record import ENCODER
    from promopilot.predictors.encoder import load_tokenizer

    plan = pd.read_csv(
        run / "plan.csv",
        usecols=[*ITEM, "date", "planned_budget", "expected_impressions"],
        dtype=dict.fromkeys(ITEM, str),
        keep_default_na=False,
    )
    # A tokenizer of its own: the host's may be in use by another thread.
    tokenizer = load_tokenizer(run / "predictor" / ENCODER)
    return explain_plan(host, tokenizer, tables, plan, settings, seed)


def explain_plan(
    host: PredictorHost,
    tokenizer: Any,
    tables: Tables,
    plan: pd.DataFrame,
    settings: PredictorSettings,
    seed: int,
) -> dict[str, Any]:
    """Explains the promotions that a plan gives most money.

    Args:
        host: whose rates the plan rests on.
        tokenizer: the hosted predictor's, or one like it.
        tables: the run's tables.
        plan: the run's plan.csv.
        settings: of the predictor.
        seed: of what is drawn.

    Returns:
        What explanations.json holds; promotions with most planned money first.
    """
    from promopilot.predictors import line_item_rows
    from promopilot.predictors.attribution import with_product
    from promopilot.predictors.explanation import explain

    planned = plan.groupby("promotion_id", sort=False)["planned_budget"].sum()
    chosen = planned.sort_values(ascending=False, kind="stable").head(MOST)
    shown = pd.concat([_contexts(plan[plan["promotion_id"] == key]) for key in chosen.index])
    rows = line_item_rows(tables.promotions, tables.placements, tables.segments, shown, settings)
    found = explain(host, rows, tokenizer, settings.max_tokens, seed)
    rates = (*found.stages, "ctcvr") if len(found.stages) == 2 else found.stages

    def by_rate(effect: Floats) -> dict[str, float]:
        return dict(zip(rates, _percent(with_product(effect)).tolist(), strict=True))

    promotions = []
    for number, (key, money) in enumerate(chosen.items()):
        told = found.words[found.text[number]]
        fields = zip(found.fields.fields, found.fields.effect[number], strict=True)
        words = zip(told.split.words, told.effect, strict=True)
        own = found.fields.own[number]
        promotions.append(
            {
                "promotion_id": str(key),
                "planned_budget": round(float(money), 2),
                "text": told.split.text,
                "rates": dict(zip(rates, np.exp(with_product(own)).tolist(), strict=True)),
                "vs_average_pct": by_rate(own - found.fields.average),
                "words": [{"word": word, "pct": by_rate(effect)} for word, effect in words],
                "fields": {name: by_rate(effect) for name, effect in fields},
            }
        )
    size = np.abs(with_product(found.fields.effect)).mean(axis=0)
    return {
        "rates": list(rates),
        "promotions_in_plan": len(planned),
        "promotions": promotions,
        "fields": {
            name: dict(zip(rates, _percent(each).tolist(), strict=True))
            for name, each in zip(found.fields.fields, size, strict=True)
        },
        "texts_tested": found.faithful[0].texts if found.faithful else 0,
        "comprehensiveness": {
            rate: _tested(test)
            for rate, test in zip(rates, found.faithful, strict=False)
            if test.is_tested
        },
    }


def _contexts(cells: pd.DataFrame) -> pd.DataFrame:
    """Draws CONTEXTS of a promotion's line items and days, in proportion to expected impressions.

    Evenly spaced on the cumulated weights (systematic sampling), so that the draw needs no luck.
    """
    cells = cells.sort_values(["placement_id", "segment_id", "date"], kind="stable")
    weight = cells["expected_impressions"].to_numpy(np.float64)
    if weight.sum() <= 0:  # shown nowhere in the plan: everywhere alike
        weight = np.ones(len(cells))
    ends = np.cumsum(weight) / weight.sum()
    at = np.searchsorted(ends, (np.arange(CONTEXTS) + 0.5) / CONTEXTS)
    drawn = cells.iloc[np.minimum(at, len(cells) - 1)]
    date = pd.to_datetime(drawn["date"])
    return drawn[ITEM].assign(date=date)


def _tested(test: Faithfulness) -> dict[str, Any]:
    """One rate's deletion test in per cent of the rate."""
    return {
        "raising_pct": float(_percent(test.raising)),
        "lowering_pct": float(_percent(test.lowering)),
        "random_pct": float(_percent(test.random)),
        # Without the named words against without random ones, paired: faithful where the whole
        # interval is below 0 for words that raise and above 0 for those that lower.
        "raising_vs_random_pct": float(_percent(-test.raising_gain[0])),
        "raising_vs_random_ci95": _percent(-np.array(test.raising_gain[:0:-1])).tolist(),
        "lowering_vs_random_pct": float(_percent(test.lowering_gain[0])),
        "lowering_vs_random_ci95": _percent(np.array(test.lowering_gain[1:])).tolist(),
        "holds": test.holds,
    }


def _percent(log: Any) -> Any:
    """What a difference in logs is in per cent."""
    return 100.0 * np.expm1(log)
