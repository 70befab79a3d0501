"""The controls of the studio: budget and limits, at first as the run has them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from promopilot.experiments.config_yaml import to_yaml
from promopilot.experiments.report.language import tr
from promopilot.experiments.studio.what_if import Shop
from promopilot.experiments.studio.wishes import PromotionWish, Wishes


def asked(shop: Shop) -> Wishes:
    """Budget and limits, from the controls."""
    start, currency = shop.start, shop.world.currency
    with st.sidebar:
        st.header(tr("Budget and limits"))
        budget = st.number_input(
            tr("Media for the flight, {}").format(currency),
            min_value=0.01,
            value=round(start.budget, 2),
            step=max(round(start.budget / 20), 1) * 1.0,
        )
        per_day = st.number_input(
            tr("At most a day, {} (empty: free)").format(currency),
            min_value=0.01,
            value=start.per_day,
        )
        change = st.number_input(
            tr("Largest change of a promotion from day to day, % (empty: free)"),
            min_value=0.0,
            value=None if start.max_change is None else round(100 * start.max_change, 6),
            step=5.0,
        )
        if shop.rest:
            st.header(tr("Also in force"))
            st.write(tr("The run's other limits. They stay as they are in its limits.yaml."))
            st.code(to_yaml(dict(shop.rest)), language=None, wrap_lines=True)
    return Wishes(
        float(budget),
        per_day,
        None if change is None else change / 100,
        _of_promotions(shop, start),
    )


def _of_promotions(shop: Shop, start: Wishes) -> dict[str, PromotionWish]:
    now = [start.promotions.get(one, PromotionWish()) for one in shop.names]
    table = pd.DataFrame(
        {
            "promotion": list(shop.names.values()),
            "locked": [wish.locked for wish in now],
            "least": pd.Series([wish.least for wish in now], dtype="float64"),
            "most": pd.Series([wish.most for wish in now], dtype="float64"),
        }
    )
    column = st.column_config.Column
    named = {
        "promotion": column(tr("Promotion")),
        "locked": column(tr("Keep as now")),
        "least": st.column_config.NumberColumn(tr("Least a day"), min_value=0.0),
        "most": st.column_config.NumberColumn(tr("Most a day"), min_value=0.0),
    }
    limited = sum(wish != PromotionWish() for wish in now)
    with st.expander(tr("Limits of single promotions"), expanded=limited > 0):
        edited = st.data_editor(
            table,
            hide_index=True,
            disabled=["promotion"],
            column_config=named,
            placeholder="",
            key="limits",
        )
    wishes = {
        promotion: PromotionWish(_number(row["least"]), _number(row["most"]), bool(row["locked"]))
        for promotion, row in zip(shop.names, edited.to_dict("records"), strict=True)
    }
    return {promotion: wish for promotion, wish in wishes.items() if wish != PromotionWish()}


def _number(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
