"""The studio's page, as Streamlit runs it: `streamlit run page.py RUN`, anew on every change."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

from promopilot.envs.errors import InfeasibleError
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.report.language import speaking, tr
from promopilot.experiments.report.numbers import bare
from promopilot.experiments.report.said import said
from promopilot.experiments.studio import controls, pictures
from promopilot.experiments.studio.plan_file import plan_csv
from promopilot.experiments.studio.scenarios import Scenario, figures_beside, money_beside
from promopilot.experiments.studio.what_if import Shop, WhatIf, open_shop, what_if
from promopilot.experiments.studio.wishes import Wishes

_KEPT = "kept"  # scenarios kept in this visit, by name
_LAST = "last"  # the last wishes that could be planned, and their plan


@st.cache_resource(show_spinner="Opening the run …")
def opened(run: str) -> tuple[Shop, WhatIf]:
    """The run and its own plan, for all visitors; making it compiles what the others use."""
    shop = open_shop(Path(run))
    return shop, what_if(shop, shop.start)


def main(run: str) -> None:
    """The whole page, in the language of the run's report."""
    name = Path(run).resolve().name
    st.set_page_config(page_title=f"promopilot: {name}", layout="wide")
    shop, own = opened(run)
    with speaking(shop.language):
        st.title(tr("What if? {}").format(name))
        wishes, found = planned(shop, own)
        shown(shop, wishes, found)


def planned(shop: Shop, own: WhatIf) -> tuple[Wishes, WhatIf]:
    """The plan for what the controls ask; where there is none, why, and the last that there was."""
    wishes = controls.asked(shop)
    kept: tuple[Wishes, WhatIf] = st.session_state.get(_LAST, (shop.start, own))
    if wishes == kept[0]:  # something else on the page was moved
        return kept
    try:
        found = what_if(shop, wishes)
    except (ConfigError, InfeasibleError) as error:
        st.error(said(str(error)))
        st.write(tr("Below is the last plan that was possible. It is not for these limits."))
        return kept
    st.session_state[_LAST] = wishes, found
    return wishes, found


def shown(shop: Shop, wishes: Wishes, found: WhatIf) -> None:
    """A plan: its figures, charts and table, beside others, and as files."""
    tiles(found)
    left, right = st.columns(2)
    frame, currency = found.by_promotion(shop.names), found.world.currency
    with left:
        st.header(tr("What changes"))
        st.plotly_chart(pictures.changes(frame, currency), key="changes")
    with right:
        st.header(tr("Day by day"))
        st.plotly_chart(pictures.days(found.by_day(), currency), key="days")
        st.header(tr("What more of one promotion would bring"))
        names, most = list(frame["promotion"]), int(frame["planned"].argmax())
        at = st.selectbox(tr("Promotion"), range(len(names)), most, format_func=names.__getitem__)
        money = float(frame["planned"].iloc[at])
        if money > 0:
            st.plotly_chart(pictures.curve(found.curve(at), money, currency), key="curve")
        else:
            st.write(tr("The plan gives it nothing, so there is no curve to draw."))
    st.header(tr("By promotion"))
    rows = frame.sort_values("planned", ascending=False, kind="stable").round(2)
    st.dataframe(rows, hide_index=True, column_config=column_names())
    compared(shop, found)
    downloads(shop, found, wishes)
    st.write(
        tr(
            "Expectations are those of one flight with every price and rate at its mean; the plan "
            "that is downloaded is played on many flights, as `promopilot plan --limits` does it. "
            "A simulated market alone does not prove a plan."
        )
    )


def column_names() -> dict[str, str]:
    """What the table of promotions calls its columns."""
    return {
        "promotion": tr("Promotion"),
        "current": tr("Now"),
        "planned": tr("Planned"),
        "change": tr("Change"),
        "profit": tr("Profit before media"),
    }


def tiles(found: WhatIf) -> None:
    """The figures that matter, beside today's mix."""
    currency = found.world.currency
    figures = (
        (tr("Planned media"), (found.plan.planned, found.current.planned), f" {currency}", 0),
        (tr("Net profit"), found.both("net_profit"), f" {currency}", 0),
        (tr("Conversions"), found.both("conversions"), "", 0),
        (tr("ROAS"), found.both("roas"), "", 2),
    )
    for place, (name, both, unit, digits) in zip(st.columns(len(figures)), figures, strict=True):
        value, now = both
        difference = tr("{} against the current mix").format(bare(value - now, digits, sign=True))
        place.metric(
            name, f"{value:,.{digits}f}{unit}", difference, delta_color="off", delta_arrow="off"
        )


def compared(shop: Shop, found: WhatIf) -> None:
    """Scenarios kept so far and the plan above, side by side."""
    kept: dict[str, Scenario] = st.session_state.setdefault(_KEPT, {})
    st.header(tr("Scenarios"))
    name = st.text_input(
        tr("Name of this scenario"), tr("scenario {}").format(len(kept) + 1)
    ).strip()
    if st.button(tr("Keep it to compare")) and name:
        kept[name] = Scenario.of(found)
    if not kept:
        return
    beside = {**kept, tr("the plan above"): Scenario.of(found)}
    money = money_beside(beside, shop.names)
    st.dataframe(figures_beside(beside))
    st.plotly_chart(pictures.beside(money, found.world.currency), key="beside")
    st.dataframe(money)
    if st.button(tr("Forget the scenarios")):
        kept.clear()
        st.rerun()


def downloads(shop: Shop, found: WhatIf, wishes: Wishes) -> None:
    """The plan, and the limits that make it."""
    plan, limits = st.columns(2)
    plan.download_button(
        tr("Download the plan (CSV)"), lambda: plan_csv(shop, found), "plan.csv", "text/csv"
    )
    text = wishes.as_yaml(shop.rest)
    limits.download_button(
        tr("Download these limits (YAML)"), text, "limits.yaml", "application/yaml"
    )


if __name__ == "__main__":
    main(sys.argv[1])
