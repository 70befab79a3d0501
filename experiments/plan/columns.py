"""The columns of plan.csv and plan_summary.csv, and what each means."""

from __future__ import annotations

# name -> (unit, meaning)
COLUMNS: dict[str, tuple[str, str]] = {
    "date": ("day", "the day the money is spent; with --by week the first day of the week"),
    "promotion_id": ("", "the promotion, as in your table promotions"),
    "promotion_name": ("", "its name, if your table has one"),
    "campaign_id": ("", "its campaign, if your table has one"),
    "placement_id": ("", "where it is shown"),
    "segment_id": ("", "to whom"),
    "currency": ("", "currency of every amount in the row"),
    "current_budget": (
        "money",
        "what today's mix spends: the mean of the same weekday over the 28 days before the flight, "
        "scaled down where the mix exceeds the budget",
    ),
    "planned_budget": ("money", "media spend planned for the row"),
    "change_pct": ("%", "planned_budget against current_budget; empty where that is 0"),
    "budget_share": ("share", "planned_budget over the planned budget of the same date"),
    "min_budget": (
        "money",
        "the line item's own lower bound; what is locked has its current_budget as both bounds. "
        "Summed over the rows with --by week and --level promotion",
    ),
    "max_budget": (
        "money",
        "the line item's own upper bound; empty where there is none, or where one of the rows that "
        "are summed has none",
    ),
    "binding_limit": (
        "",
        "the limit that keeps the row from more money where more would pay, or from less: a limit "
        "of yours by its name, `lock`, `own maximum`, `own minimum`, `pool supply` (every "
        "impression of that placement and segment is used), `stock` (the promotion is sold out), "
        "`step` (largest change from day to day), `exploration`, `target ROAS` or `target CPA`, "
        "`day budget`, `flight budget`; the most specific one where several bind. A row that gets "
        "more than pays by itself, so that others at their largest share may have more, names "
        "their limit. Empty where "
        "nothing does, or where the next unit of money would bring back less than it costs. With "
        "--by week and --level promotion every limit of the rows, the most frequent first",
    ),
    "expected_impressions": (
        "impressions",
        "mean over the test flights, the table played as it is",
    ),
    "expected_clicks": ("first events", "likewise; what the first event is, the report says"),
    "expected_conversions": ("conversions", "likewise"),
    "expected_conversion_value": ("money", "what customers pay, after discount"),
    "expected_subsidy": ("money", "discount that you pay on redeemed conversions"),
    "expected_profit": (
        "money",
        "incrementality x conversions x price x margin - subsidy, before media spend",
    ),
    "expected_roas": ("ratio", "expected_conversion_value / planned_budget"),
    "expected_poas": ("ratio", "expected_profit / planned_budget"),
    "marginal_roas": ("ratio", "conversion value of the next unit of money spent on the row"),
    "marginal_poas": ("ratio", "profit of the next unit of money spent on the row"),
    "expected_cpa": ("money", "planned_budget / expected_conversions"),
    "basis": (
        "",
        "`data` where the line item was shown before the flight, so that its response was learnt; "
        "`prior` where it was not. Both rest on the assumptions that the report lists",
    ),
    "reason": (
        "",
        "what happens to the row and why. `raised`, `lowered`, `new` (nothing was spent on it), "
        "`stopped`, `tested` (money to learn what it brings), `held` (spends what it does today) "
        "or `not funded`. `1.00` is one unit of the currency; `more ... than the mix at the "
        "margin` compares what the next 1.00 brings here, at today's spend, with what it brings on "
        "average in today's mix of that day, before media is paid; `where money goes` is the "
        "average of the rows that the plan gives more that day. With --by week and --level "
        "promotion the reason of the row that moves most money the way the sum goes",
    ),
    "policy": ("", "the policy that made the plan"),
    "plan_id": ("", "the same for every row of a plan and different for different plans"),
}

EXPECTED = (
    "expected_impressions",
    "expected_clicks",
    "expected_conversions",
    "expected_conversion_value",
    "expected_subsidy",
    "expected_profit",
)
# name -> (unit, meaning), of plan_summary.csv alone
SUMMARY_COLUMNS: dict[str, tuple[str, str]] = {
    f"profit_p{share}": (
        "money",
        f"{share} % of the test flights bring at most this profit before media; quantiles do not "
        "sum",
    )
    for share in (10, 50, 90)
}
QUANTILES = tuple(SUMMARY_COLUMNS)


def columns_md() -> str:
    """The dictionary of columns that stands beside a plan."""
    lines = [
        "# Columns of plan.csv",
        "",
        "One row per date and line item that may be funded that day, zero budgets included.",
        "Amounts have two decimals and sum to the cent. Expected columns are means over simulated",
        "test flights in which this table is played as it stands.",
        "",
        "| column | unit | meaning |",
        "|---|---|---|",
        *(f"| `{name}` | {unit} | {text} |" for name, (unit, text) in COLUMNS.items()),
        "",
        "# Columns of plan_summary.csv",
        "",
        "One row per promotion and a last row `TOTAL`. Budgets and expected columns are the sums",
        "of plan.csv's rows.",
        "",
        "| column | unit | meaning |",
        "|---|---|---|",
        *(f"| `{name}` | {unit} | {text} |" for name, (unit, text) in SUMMARY_COLUMNS.items()),
        "",
        "# An Excel workbook (`--format xlsx`)",
        "",
        "Sheet Plan holds plan.csv, By promotion plan_summary.csv, By day the sums of each day,",
        "and Columns this dictionary.",
        "",
    ]
    return "\n".join(lines)
