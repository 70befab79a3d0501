"""The studio's page, as Streamlit runs it: `streamlit run page.py RUN`, anew on every change."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import streamlit as st

from promopilot.envs.errors import InfeasibleError
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.studio import pictures
from promopilot.experiments.studio.plan_file import plan_csv
from promopilot.experiments.studio.what_if import Shop, WhatIf, open_shop, what_if
from promopilot.experiments.studio.wishes import PromotionWish, Wishes

_KEPT = "kept"  # scenarios kept in this visit, by name
_COLUMNS = {
    "locked": "keep as now",
    "least": "least a day",
    "most": "most a day",
}


@st.cache_resource(show_spinner="Opening the run …")
def opened(run: str) -> Shop:
    """The run, opened once for all visitors; its first plan compiles what the others use."""
    shop = open_shop(Path(run))
    what_if(shop, Wishes(shop.world.budget))
    return shop


def main(run: str) -> None:
    """The whole page."""
    st.set_page_config(page_title=f"promopilot: {Path(run).name}", layout="wide")
    st.title(f"What if? {Path(run).resolve().name}")
    shop = opened(run)
    wishes = asked(shop)
    try:
        found = what_if(shop, wishes)
    except (ConfigError, InfeasibleError) as error:
        st.error(str(error))
        return
    tiles(found)
    left, right = st.columns(2)
    frame, currency = found.by_promotion(shop.names), found.world.currency
    with left:
        st.header("What changes")
        st.plotly_chart(pictures.changes(frame, currency), key="changes")
    with right:
        st.header("Day by day")
        st.plotly_chart(pictures.days(found.by_day(), currency), key="days")
        st.header("What more of one promotion would bring")
        names, most = list(frame["promotion"]), int(frame["planned"].argmax())
        at = st.selectbox("Promotion", range(len(names)), most, format_func=names.__getitem__)
        planned = float(frame["planned"].iloc[at])
        if planned > 0:
            st.plotly_chart(pictures.curve(found.curve(at), planned, currency), key="curve")
        else:
            st.write("The plan gives it nothing, so there is no curve to draw.")
    st.header("By promotion")
    shown = frame.sort_values("planned", ascending=False, kind="stable").round(2)
    st.dataframe(shown, hide_index=True)
    compared(found, wishes)
    downloads(shop, found, wishes)
    st.write(
        "Expectations are those of one flight with every price and rate at its mean; the plan that "
        "is downloaded is played on many flights, as `promopilot plan --limits` does it. A "
        "simulated market alone does not prove a plan."
    )


def asked(shop: Shop) -> Wishes:
    """Budget and limits, from the controls."""
    world = shop.world
    with st.sidebar:
        st.header("Budget")
        if shop.own:
            st.write("The limits of the run stay in force; these come on top.")
        budget = st.number_input(
            f"Media for the flight, {world.currency}",
            min_value=1.0,
            value=round(world.budget, 2),
            step=max(round(world.budget / 20), 1) * 1.0,
        )
        per_day = st.number_input(
            f"At most a day, {world.currency} (empty: free)", min_value=0.01, value=None
        )
        change = st.number_input(
            "Largest change of a promotion from day to day, % (empty: free)",
            min_value=0.0,
            value=None,
        )
    with st.expander("Limits of single promotions"):
        table = pd.DataFrame(
            {
                "promotion": list(shop.names.values()),
                "locked": False,
                "least": pd.Series([None] * len(shop.names), dtype="float64"),
                "most": pd.Series([None] * len(shop.names), dtype="float64"),
            }
        )
        edited = st.data_editor(
            table, hide_index=True, disabled=["promotion"], column_config=_COLUMNS, key="limits"
        )
    wishes = {
        promotion: PromotionWish(_number(row["least"]), _number(row["most"]), bool(row["locked"]))
        for promotion, row in zip(shop.names, edited.to_dict("records"), strict=True)
    }
    return Wishes(float(budget), per_day, None if change is None else change / 100, wishes)


def tiles(found: WhatIf) -> None:
    """The figures that matter, beside today's mix."""
    currency = found.world.currency
    shown = (
        ("Planned media", "spend", f" {currency}", 0),
        ("Net profit", "net_profit", f" {currency}", 0),
        ("Conversions", "conversions", "", 0),
        ("ROAS", "roas", "", 2),
    )
    for place, (name, measure, unit, digits) in zip(st.columns(len(shown)), shown, strict=True):
        value, now = found.plan.value(measure), found.current.value(measure)
        difference = f"{value - now:+,.{digits}f} against the current mix"
        place.metric(
            name, f"{value:,.{digits}f}{unit}", difference, delta_color="off", delta_arrow="off"
        )


def compared(found: WhatIf, wishes: Wishes) -> None:
    """Scenarios kept so far, side by side."""
    kept: dict[str, dict[str, float]] = st.session_state.setdefault(_KEPT, {})
    st.header("Scenarios")
    name = st.text_input("Name of this scenario", f"scenario {len(kept) + 1}")
    if st.button("Keep it to compare") and name:
        kept[name] = {
            "budget": wishes.budget,
            "planned media": found.plan.planned,
            "net profit": found.plan.value("net_profit"),
            "more than the current mix": found.gain,
            "conversions": found.plan.value("conversions"),
            "ROAS": found.plan.value("roas"),
        }
    if kept:
        st.dataframe(pd.DataFrame(kept).T.round(2))


def downloads(shop: Shop, found: WhatIf, wishes: Wishes) -> None:
    """The plan, and the limits that make it."""
    plan, limits = st.columns(2)
    plan.download_button(
        "Download the plan (CSV)", lambda: plan_csv(shop, found), "plan.csv", "text/csv"
    )
    limits.download_button(
        "Download these limits (YAML)", wishes.as_yaml(shop.own), "limits.yaml", "application/yaml"
    )


def _number(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


if __name__ == "__main__":
    main(sys.argv[1])
