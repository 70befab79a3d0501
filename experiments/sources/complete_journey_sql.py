"""The queries that count exposures, events, discounts and prices in the panel's files.

Each function makes one or two tables in the connection from those before it. Words: a *range* is
category x type x brand; a *visit* is household x store x local day; money is in whole cents, so
that sums do not depend on the order in which threads add.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb

from promopilot.experiments.sources.complete_journey_settings import (
    FIRST_MONDAY,
    NONE,
    TIME_ZONE,
    CompleteJourneySettings,
)

FILES = ("transactions", "products", "promotions", "demographics")


def open_panel(
    folder: Path, scratch: Path, settings: CompleteJourneySettings
) -> duckdb.DuckDBPyConnection:
    """A connection in memory with a view on each of the panel's files and the settings' codes."""
    con = duckdb.connect()
    con.execute("set autoinstall_known_extensions = false")
    con.execute(f"set threads = {settings.threads}")
    con.execute("set memory_limit = ?", [settings.memory_limit])
    con.execute("set temp_directory = ?", [str(scratch)])
    con.execute("set preserve_insertion_order = false")
    con.execute("set enable_progress_bar = false")
    for name in FILES:
        path = str(folder / f"{name}.parquet").replace("'", "''")
        con.execute(f"create view {name} as select * from read_parquet('{path}')")
    return con


def load_calendar(con: duckdb.DuckDBPyConnection, settings: CompleteJourneySettings) -> None:
    """`calendar(week, block, monday)`, and the code tables `mailer`, `display` and `income`."""
    con.execute("create table calendar (week bigint, block bigint, monday date)")
    weeks = range(settings.first_week, settings.last_week + 1)
    con.executemany(
        "insert into calendar values (?, ?, ?)",
        [(w, settings.block_of(w), FIRST_MONDAY + timedelta(weeks=w - 2)) for w in weeks],
    )
    for table, codes in (("mailer", settings.mailers), ("display", settings.displays)):
        con.execute(f"create table {table} (code varchar, place bigint, grp varchar)")
        con.executemany(
            f"insert into {table} values (?, ?, ?)",
            [(code, place, group) for place, (code, group) in enumerate(codes.items())],
        )
    con.execute("create table income (income varchar, segment_id varchar)")
    con.executemany("insert into income values (?, ?)", list(settings.income_bands.items()))


def read_products(con: duckdb.DuckDBPyConnection, settings: CompleteJourneySettings) -> None:
    """`item(product_id, range_id)` and `ranges(range_id, category, type, brand)`."""
    con.execute(
        """
        create table item as
        select product_id, product_category as category, product_type as type, brand,
            dense_rank() over (order by product_category, product_type, brand) as range_id
        from products
        where product_category is not null and product_type is not null and brand is not null
            and not list_contains(?, department)
        """,
        [list(settings.excluded_departments)],
    )
    con.execute("create table ranges as select distinct range_id, category, type, brand from item")


def read_visits(con: duckdb.DuckDBPyConnection, settings: CompleteJourneySettings) -> None:
    """`line`, one row per bought product line, `traffic(store_id, date, week, segment_id, visits)`.

    A line without quantity is no purchase, but the household was in the store.
    """
    con.execute(
        f"""
        create table line as
        select l.* exclude (local_date), local_date as date, c.week,
            coalesce(i.segment_id, 'unknown') as segment_id
        from (
            select household_id, store_id, product_id, quantity,
                cast(timezone(?, timezone('UTC', transaction_timestamp)) as date) as local_date,
                cast(round(100 * (sales_value + retail_disc + coupon_match_disc)) as bigint)
                    as shelf_cents,
                cast(round(100 * retail_disc) as bigint) as discount_cents
            from transactions
        ) as l
        join calendar as c
            on local_date between c.monday and c.monday + interval 6 day
        left join demographics as d using (household_id)
        left join income as i using (income)
        where c.week between {settings.first_week} and {settings.last_week}
        """,
        [TIME_ZONE],
    )
    con.execute(
        """
        create table traffic as
        select store_id, date, week, segment_id, count(distinct household_id) as visits
        from line group by all
        """
    )


def place_ranges(con: duckdb.DuckDBPyConnection, settings: CompleteJourneySettings) -> None:
    """`shelf(range_id, store_id, week, placement_id)` of the most exposed ranges.

    Where several products of a range are promoted, the most prominent one places it: mailer before
    display, each in the order of the settings. Ranges are kept by exposures up to `history_end`.
    """
    con.execute(
        f"""
        create table shelf_all as
        select range_id, store_id, week, arg_min(
            case when m.grp = '{NONE}' then d.grp
                when d.grp = '{NONE}' then m.grp
                else m.grp || '+' || d.grp end,
            m.place * 1000 + d.place) as placement_id
        from promotions as p
        join item using (product_id)
        join mailer as m on m.code = p.mailer_location
        join display as d on d.code = p.display_location
        where week between {settings.first_week} and {settings.last_week}
            and (m.grp <> '{NONE}' or d.grp <> '{NONE}')
        group by all
        """
    )
    con.execute(
        f"""
        create table kept as
        select range_id, sum(visits) as exposures from shelf_all join traffic using (store_id, week)
        where week <= {settings.history_end}
        group by all order by exposures desc, range_id limit {settings.ranges}
        """
    )
    con.execute("create table shelf as from shelf_all semi join kept using (range_id)")
    con.execute("drop table shelf_all")


def find_promoted_purchases(con: duckdb.DuckDBPyConnection) -> None:
    """`promoted_line`: the bought lines whose product was promoted in that store and week."""
    con.execute(
        f"""
        create table promoted_key as
        select distinct product_id, store_id, week from promotions
        semi join (select distinct product_id, store_id, week from line where quantity > 0)
            using (product_id, store_id, week)
        where mailer_location in (select code from mailer where grp <> '{NONE}')
            or display_location in (select code from display where grp <> '{NONE}')
        """
    )
    con.execute(
        """
        create table promoted_line as
        select line.*, item.range_id, item.category from line
        semi join promoted_key using (product_id, store_id, week)
        join item using (product_id)
        where quantity > 0
        """
    )


def count_events(con: duckdb.DuckDBPyConnection, out: Path) -> None:
    """Writes performance.parquet from `shelf`, `traffic`, `line` and `offer`.

    `offer(range_id, block, promotion_id)` comes from the caller. A visit is one exposure of every
    range promoted in its store that week, in that range's one placement there; it is a first event
    when the household bought in the range's category, a second when it bought a product of the
    range that was promoted there: at most once each, and never the second without the first.
    """
    con.execute(
        """
        create table place as
        select s.store_id, s.week, s.range_id, s.placement_id, o.promotion_id, r.category
        from shelf as s join calendar using (week)
        join offer as o using (range_id, block) join ranges as r using (range_id)
        """
    )
    con.execute(
        """
        create table first_event as
        select date, promotion_id, placement_id, segment_id, count(*) as clicks
        from (
            select distinct household_id, store_id, date, week, segment_id,
                product_category as category
            from line join products using (product_id) where quantity > 0
        ) join place using (store_id, week, category)
        group by all
        """
    )
    con.execute(
        """
        create table second_event as
        select date, promotion_id, placement_id, segment_id, count(*) as conversions
        from (
            select distinct household_id, store_id, date, week, segment_id, range_id
            from promoted_line
        ) join place using (store_id, week, range_id)
        group by all
        """
    )
    path = str(out).replace("'", "''")
    con.execute(
        f"""
        copy (
            select date, promotion_id, placement_id, segment_id, impressions,
                coalesce(clicks, 0)::bigint as clicks,
                coalesce(conversions, 0)::bigint as conversions
            from (
                select date, promotion_id, placement_id, segment_id,
                    sum(visits)::bigint as impressions
                from place join traffic using (store_id, week) group by all
            )
            left join first_event using (date, promotion_id, placement_id, segment_id)
            left join second_event using (date, promotion_id, placement_id, segment_id)
            order by date, promotion_id, placement_id, segment_id
        ) to '{path}' (format parquet, compression zstd)
        """
    )
