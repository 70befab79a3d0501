"""Headers of tables that people make themselves: the fields' own names, and the plain words."""

from typing import Final

GENERIC: Final[dict[str, tuple[str, ...]]] = {
    "date": ("date", "day", "Datum", "Tag", "jour", "fecha", "día", "日期", "天"),
    "date_end": ("end of period",),
    "campaign_id": ("campaign_id", "campaignid"),
    "campaign": ("campaign", "campaign name", "promotion", "offer", "Kampagne", "campagne"),
    "adset_id": ("adset_id", "adgroup_id"),
    "adset": ("adset", "ad set", "ad group", "adgroup"),
    "ad_id": ("ad_id", "creative_id"),
    "ad": ("ad", "ad name", "creative"),
    "text": ("text", "copy", "headline", "title", "ad text", "message", "文案", "广告文案"),
    "network": ("network", "placement", "channel", "publisher", "platform", "渠道", "版位"),
    "device": ("device", "device type"),
    "segment": ("segment", "audience", "target group", "age", "gender", "受众", "人群"),
    "currency": ("currency", "currency code", "Währung", "devise", "moneda", "货币", "币种"),
    "impressions": ("impressions", "impr", "views", "displays", "展示", "展示量", "曝光", "曝光量"),
    "clicks": ("clicks", "link clicks", "点击", "点击量"),
    "conversions": (
        *("conversions", "orders", "purchases", "sales", "transactions", "转化", "转化数"),
        *("订单", "订单数", "订单量"),
    ),
    "conversion_value": (
        *("conversion value", "conversion_value", "revenue", "sales amount", "order value"),
        *("Umsatz", "chiffre d'affaires", "ingresos", "销售额", "转化金额"),
    ),
    "spend": (
        *("spend", "cost", "ad spend", "media cost", "amount spent", "Kosten", "Ausgaben"),
        *("dépenses", "gasto", "花费", "消耗", "广告费", "总费用"),
    ),
    "reach": ("reach", "people reached", "users"),
    "budget": ("budget", "daily budget", "daily_budget"),
    "budget_type": ("budget type",),
    "start_date": ("start date",),
    "as_of": ("as_of", "as of", "read on", "exported on", "downloaded on"),
}
