"""Headers of Google Ads: what the report editor and the API call each field.

In the order in which they are preferred where a file has several. English, German, French, Spanish,
Chinese. The names of days, campaigns, cost, impressions, clicks and conversions were seen in
exports; those after a comment "from memory" were not.
"""

from typing import Final

GOOGLE_ADS: Final[dict[str, tuple[str, ...]]] = {
    "date": ("Day", "Date", "segments.date", "Tag", "Jour", "Día", "天", "Datum", "Fecha", "日期"),
    "campaign_id": (
        *("Campaign ID", "campaign.id", "Kampagnen-ID", "广告系列 ID", "广告系列编号"),
        # From memory.
        *("ID de campagne", "ID de la campagne", "ID de campaña", "ID de la campaña"),
    ),
    "campaign": (
        *("Campaign", "Campaign name", "campaign.name", "Kampagne", "Campagne", "Campaña"),
        *("广告系列", "广告系列名称"),
    ),
    "adset_id": (
        *("Ad group ID", "ad_group.id", "广告组 ID"),
        # From memory.
        *("Anzeigengruppen-ID", "ID du groupe d'annonces", "ID del grupo de anuncios"),
    ),
    "adset": (
        *("Ad group", "Ad group name", "ad_group.name", "Anzeigengruppe", "Groupe d'annonces"),
        *("Grupo de anuncios", "广告组", "广告组名称"),
        # From memory.
        *("Asset group", "Asset-Gruppe", "Groupe de composants", "Grupo de recursos", "素材资源组"),
    ),
    "ad_id": (
        *("Ad ID", "ad_group_ad.ad.id", "广告 ID"),
        # From memory.
        *("Anzeigen-ID", "ID de l'annonce", "ID d'annonce", "ID del anuncio", "ID de anuncio"),
    ),
    "ad": (
        *("Ad name", "ad_group_ad.ad.name"),
        # From memory.
        *("Anzeigenname", "Nom de l'annonce", "Nombre del anuncio", "广告名称"),
    ),
    "text": (
        # From memory.
        *("Ad", "Ad text", "Headline", "Anzeige", "Anzeigentext", "Anzeigentitel"),
        *("Annonce", "Texte de l'annonce", "Titre", "Anuncio", "Texto del anuncio", "Título"),
        *("广告", "广告文字", "广告标题"),
    ),
    "network": (
        *("Network (with search partners)", "Network", "segments.ad_network_type"),
        # From memory.
        *("Werbenetzwerk", "Netzwerk", "Réseau", "Red", "投放网络", "广告网络", "网络"),
        *("Campaign type", "Kampagnentyp", "Type de campagne", "Tipo de campaña"),
        "广告系列类型",
    ),
    "device": (
        *("Device", "segments.device", "Gerät", "设备"),
        *("Appareil", "Dispositivo"),  # from memory
    ),
    "segment": (
        # From memory.
        *("Audience segment", "Audience", "Zielgruppensegment", "Zielgruppe"),
        *("Segment d'audience", "Segmento de audiencia", "Audiencia", "受众群体细分", "受众群体"),
        *("Age", "Alter", "Âge", "Edad", "年龄", "Gender", "Geschlecht", "Sexe", "Sexo", "性别"),
    ),
    "currency": (
        *("Currency code", "Currency", "customer.currency_code", "Währungscode"),
        *("Code de la devise", "Code devise"),
        # From memory.
        *("Währung", "Devise", "Código de moneda", "Código de la moneda", "Moneda"),
        *("货币代码", "货币", "币种"),
    ),
    "impressions": (
        *("Impr.", "Impressions", "metrics.impressions", "Impressionen", "Impresiones"),
        *("展示次数", "展示"),
    ),
    "clicks": ("Clicks", "metrics.clicks", "Klicks", "Clics", "点击次数", "点击"),
    "conversions": (
        *("Conversions", "Conv.", "metrics.conversions", "Conversiones", "转化次数", "转化"),
        "转化数",
    ),
    "conversion_value": (
        *("Conv. value", "Conversion value", "Total conv. value", "metrics.conversions_value"),
        *("Conv.-Wert", "Conversion-Wert", "Valeur de conv.", "Valeur de conversion"),
        *("Valor de conv.", "Valor de conversión", "转化价值", "转化值"),
    ),
    "spend": (
        *("Cost", "metrics.cost", "Spend", "Kosten", "Coût", "Coste", "Costo", "费用", "花费"),
        *("Cost (Converted currency)", "Kosten (umgerechnete Währung)"),
        *("Coste (moneda convertida)", "Coût (devise convertie)"),
    ),
    # Of the impressions that an ad could have had, those that it had.
    "impression_share": (
        *("Search impr. share", "Search impression share", "metrics.search_impression_share"),
        # From memory.
        *("Anteil an möglichen Impressionen im Suchnetzwerk", "Anteil an Suchimpressionen"),
        *("Anteil an möglichen Impr. im Suchnetzwerk", "Anteil an mögl. Impr. (Suche)"),
        *("Suchnetzwerk: Anteil an möglichen Impressionen", "Anteil an möglichen Impressionen"),
        *("Taux d'impressions sur le Réseau de Recherche", "Taux d'impr. sur le Rés. de Recherche"),
        *("Taux d'impr. (Réseau de Recherche)", "Taux d'impr. Rés. Rech.", "Taux d'impressions"),
        *("Cuota de impresiones de búsqueda", "Cuota de impr. de búsqueda"),
        *("Porcentaje de impresiones de búsqueda", "% de impr. de búsqueda"),
        *("Cuota de impresiones", "搜索网络展示次数份额", "搜索展示次数份额", "展示次数份额"),
        *("搜索网络的展示次数份额", "Impr. share", "Impression share", "Display impr. share"),
        *("Display impression share", "metrics.content_impression_share"),
    ),
    "budget": (
        *("Budget", "Campaign daily budget", "Daily budget", "campaign_budget.amount"),
        *("Tagesbudget", "Budget quotidien", "Presupuesto", "Presupuesto diario"),
        *("预算", "每日预算"),
    ),
    "budget_type": (
        *("Budget type", "Tipo de presupuesto", "预算类型"),
        *("Budgettyp", "Type de budget"),  # from memory
    ),
    "start_date": (
        *("Start date", "campaign.start_date", "Startdatum", "开始日期"),
        *("Date de début", "Fecha de inicio"),  # from memory
    ),
}
