"""Headers of Criteo: its statistics API, whose CSV the analytics pages hand out as well.

In the order in which they are preferred where a file has several. Sales and revenue come per
attribution window; the client's own attribution is what Criteo's pages show first. The API's names
are English in every language; the others are from memory.
"""

from typing import Final

CRITEO: Final[dict[str, tuple[str, ...]]] = {
    "date": ("Day", "Date", "Tag", "Datum", "Jour", "Día", "Fecha", "日期", "天"),
    "campaign_id": (
        *("CampaignId", "Campaign ID", "Kampagnen-ID", "ID de campagne", "ID de la campaña"),
        "广告系列 ID",
    ),
    "campaign": (
        *("Campaign", "CampaignName", "MarketingCampaign", "Kampagne", "Campagne", "Campaña"),
        "广告系列",
    ),
    "adset_id": ("AdsetId", "Ad set ID", "Anzeigengruppen-ID", "广告组 ID"),
    "adset": (
        *("Adset", "AdsetName", "Ad set", "Ad set name", "Anzeigengruppe"),
        *("Ensemble de publicités", "Conjunto de anuncios", "广告组"),
    ),
    "ad_id": (
        "AdId",
        "CreativeId",
        "Anzeigen-ID",
        "ID de la publicité",
        "ID del anuncio",
        "广告 ID",
    ),
    "ad": ("Ad", "AdName", "Creative", "Anzeige", "Publicité", "Anuncio", "广告"),
    "text": ("Text", "Description", "Title", "Beschreibung", "Titre", "Texto", "文案"),
    "network": ("Channel", "ChannelName", "Placement", "Category", "Environment", "Kanal", "渠道"),
    "device": ("Device", "Gerät", "Appareil", "Dispositivo", "设备"),
    "segment": ("AudienceName", "AudienceSegment", "Zielgruppe", "Segment", "受众"),
    "currency": ("Currency", "CurrencyCode", "Währung", "Devise", "Moneda", "Divisa", "货币"),
    "impressions": (
        *("Displays", "Impressions", "Einblendungen", "Impressionen", "Affichages"),
        *("Impresiones", "展示次数"),
    ),
    "clicks": ("Clicks", "Klicks", "Clics", "点击次数", "点击量"),
    "conversions": (
        *("SalesClientAttribution", "SalesAllClientAttribution", "SalesPc30d", "SalesAllPc30d"),
        *("SalesPc7d", "SalesPc1d", "SalesPc30dPv24h", "Sales", "Conversions", "Verkäufe"),
        *("Ventes", "Ventas", "销售量", "转化次数"),
    ),
    "conversion_value": (
        *("RevenueGeneratedClientAttribution", "RevenueGeneratedAllClientAttribution"),
        *("RevenueGeneratedPc30d", "RevenueGeneratedAllPc30d", "RevenueGeneratedPc7d"),
        *("RevenueGeneratedPc1d", "RevenueGeneratedPc30dPv24h", "RevenueGenerated", "Revenue"),
        *("Umsatz", "Chiffre d'affaires", "Ingresos", "销售额"),
    ),
    "spend": ("AdvertiserCost", "Cost", "Spend", "Kosten", "Coût", "Coste", "费用", "花费"),
    "reach": ("Reach", "ExposedUsers", "Reichweite", "Couverture", "Alcance"),
    "budget": ("Budget", "DailyBudget", "Tagesbudget", "Presupuesto", "预算"),
    "budget_type": ("BudgetType", "BudgetStrategy", "Budgettyp", "Type de budget", "预算类型"),
    "start_date": ("StartDate", "Startdatum", "Date de début", "Fecha de inicio", "开始日期"),
}
