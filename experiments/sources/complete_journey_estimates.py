"""What is estimated from purchases because the panel does not state it.

Discount, price and incrementality: everything here reads weeks up to `history_end` only, and a
planned discount only weeks before the block for which it is planned, so that whether a product sold
in a week never says what that week's offer was.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd

from promopilot.experiments.sources.complete_journey_settings import (
    NONE,
    CompleteJourneySettings,
)


def planned_tiers(
    con: duckdb.DuckDBPyConnection, settings: CompleteJourneySettings
) -> pd.DataFrame:
    """The discount tier of every kept range in every block in which it is exposed.

    Depth = sum of shelf discounts / sum of shelf prices over purchases of promoted products in the
    `depth_weeks` weeks before the block; of the range where it has `depth_min_purchases`, else of
    its category where that has, else of all. Returns `range_id, block, tier`, tier in per cent, NaN
    in blocks that no week precedes.
    """
    depths = con.execute(
        f"""
        with weekly as (
            select range_id, category, week,
                sum(discount_cents) as cut, sum(shelf_cents) as full_price, count(*) as n
            from promoted_line where week <= {settings.history_end} group by all
        ), before as (
            select block, range_id, category, cut, full_price, n
            from weekly join (select distinct block from calendar) on
                week < block and week >= block - {settings.depth_weeks}
        ), own as (
            select block, range_id, sum(n) as n, sum(cut) / nullif(sum(full_price), 0) as depth
            from before group by all
        ), wide as (
            select block, category, sum(n) as n, sum(cut) / nullif(sum(full_price), 0) as depth
            from before group by all
        ), overall as (
            select block, sum(cut) / nullif(sum(full_price), 0) as depth from before group by all
        ), live as (
            select distinct range_id, block
            from shelf join calendar using (week)
            semi join traffic using (store_id, week)
            where week <= {settings.history_end}
        )
        select live.range_id, live.block, case
            when own.n >= {settings.depth_min_purchases} then own.depth
            when wide.n >= {settings.depth_min_purchases} then wide.depth
            else overall.depth end as depth
        from live join ranges as r using (range_id)
        left join own on own.range_id = live.range_id and own.block = live.block
        left join wide on wide.category = r.category and wide.block = live.block
        left join overall on overall.block = live.block
        order by live.range_id, live.block
        """
    ).df()
    tiers = np.asarray(settings.tiers, dtype=np.float64)  # [T] per cent
    percent = 100 * depths["depth"].to_numpy(dtype=np.float64)  # [R]
    nearest = tiers[np.abs(percent[:, None] - tiers).argmin(axis=1)]
    return depths[["range_id", "block"]].assign(tier=np.where(np.isnan(percent), np.nan, nearest))


def shelf_prices(con: duckdb.DuckDBPyConnection, settings: CompleteJourneySettings) -> pd.Series:
    """Median price of one unit before discount per range, in the panel's currency.

    Over purchases of promoted products up to `history_end`; missing below `price_min_purchases`.
    """
    prices = con.execute(
        f"""
        select range_id, round(median(shelf_cents / quantity) / 100, 2) as price
        from promoted_line semi join kept using (range_id)
        where week <= {settings.history_end} and shelf_cents > 0
        group by all having count(*) >= {settings.price_min_purchases}
        """
    ).df()
    return prices.set_index("range_id")["price"].astype("float64")


def incrementality(con: duckdb.DuckDBPyConnection, settings: CompleteJourneySettings) -> pd.Series:
    """Share of promoted purchases that would not have happened unpromoted, per range.

    1 - sum_p(exposures_p * unpromoted rate_p) / sum_p(promoted purchases_p): the same products p,
    in the stores that ever promote them and between their first and last promoted week there, so
    that a product out of stock or season does not pass for one that sells only when promoted.
    Ranges with few promoted purchases take the value of all of them together. Within
    [`incrementality_floor`, 1]. Observational: popular weeks are also promoted weeks.
    """
    counts = con.execute(
        f"""
        with active as (
            select distinct product_id, store_id, week from promotions
            semi join (from item semi join kept using (range_id)) using (product_id)
            where week between {settings.first_week} and {settings.history_end}
                and (mailer_location in (select code from mailer where grp <> '{NONE}')
                    or display_location in (select code from display where grp <> '{NONE}'))
        ), span as (
            select product_id, store_id, min(week) as first, max(week) as last
            from active group by all
        ), footfall as (
            select store_id, week, sum(visits) as visits from traffic group by all
        ), running as (
            select store_id, c.week,
                sum(coalesce(visits, 0)) over (partition by store_id order by c.week) as upto,
                coalesce(visits, 0) as visits
            from (select distinct store_id from footfall) cross join calendar as c
            left join footfall using (store_id, week)
        ), seen as (
            select product_id, sum(b.upto - a.upto + a.visits) as n
            from span join running as a on a.store_id = span.store_id and a.week = first
            join running as b on b.store_id = span.store_id and b.week = last
            group by all
        ), seen_promoted as (
            select product_id, sum(visits) as n from active join footfall using (store_id, week)
            group by all
        ), bought as (
            select distinct product_id, store_id, week, household_id, date from line
            where quantity > 0
        ), sold as (
            select product_id, count(*) as n,
                count(*) filter (where exists (
                    from promoted_key as k where k.product_id = bought.product_id
                        and k.store_id = bought.store_id and k.week = bought.week)) as n_promoted
            from bought join span using (product_id, store_id)
            where bought.week between first and last
            group by all
        )
        select range_id, product_id, seen.n as seen, seen_promoted.n as seen_promoted,
            coalesce(sold.n, 0) as sold, coalesce(sold.n_promoted, 0) as sold_promoted
        from seen join seen_promoted using (product_id) join item using (product_id)
        left join sold using (product_id)
        order by product_id
        """
    ).df()
    unpromoted = (counts["seen"] - counts["seen_promoted"]).astype("float64")
    counts = counts[unpromoted > 0].assign(unpromoted=unpromoted[unpromoted > 0])
    rate = (counts["sold"] - counts["sold_promoted"]) / counts["unpromoted"]
    expected = (rate * counts["seen_promoted"]).groupby(counts["range_id"]).sum()
    observed = counts["sold_promoted"].groupby(counts["range_id"]).sum()
    overall = 1 - expected.sum() / max(float(observed.sum()), 1.0)
    enough = observed >= settings.incrementality_min_purchases
    value = (1 - expected / observed.where(enough)).fillna(overall)
    kept = con.execute("select range_id from kept order by range_id").df()["range_id"]
    value = value.reindex(kept.to_numpy(), fill_value=overall)
    return value.clip(settings.incrementality_floor, 1.0).round(3)
