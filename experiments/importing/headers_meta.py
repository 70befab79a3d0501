"""Headers of Meta Ads: what the Ads Manager's exports and the API call each field.

In the order in which they are preferred where a file has several: purchases before results, whose
kind differs by campaign, and clicks on the link before all clicks. English, German, French,
Spanish, Chinese. Those after a comment "from memory" were not seen in exports.
"""

from typing import Final

META_ADS: Final[dict[str, tuple[str, ...]]] = {
    "date": (
        *("Day", "Date", "Tag", "Jour", "Día", "单日", "日期", "天", "Datum", "Fecha"),
        *("Reporting starts", "date_start", "Début des rapports", "Inicio del informe"),
        *("报告开始日期", "开始报告日期"),
        *("Berichtsstart", "Auswertungsbeginn", "Beginn des Berichts"),  # from memory
    ),
    "date_end": (
        *("Reporting ends", "date_stop", "Fin des rapports", "Fin del informe", "报告结束日期"),
        *("Berichtsende", "Auswertungsende", "Ende des Berichts"),  # from memory
    ),
    "campaign_id": (
        *("Campaign ID", "campaign_id", "广告系列编号", "广告系列 ID"),
        # From memory.
        *("Kampagnen-ID", "ID de campagne", "ID de la campagne", "ID de la campaña"),
        "Identificador de la campaña",
    ),
    "campaign": (
        *("Campaign name", "campaign_name", "Campaign", "Kampagnenname", "Nom de la campagne"),
        *("Nombre de la campaña", "广告系列名称", "广告系列"),
    ),
    "adset_id": (
        *("Ad set ID", "adset_id", "广告组编号", "广告组 ID"),
        # From memory.
        *("Anzeigengruppen-ID", "ID de l'ensemble de publicités"),
        *("ID del conjunto de anuncios", "Identificador del conjunto de anuncios"),
    ),
    "adset": (
        *("Ad set name", "adset_name", "Ad set", "Name der Anzeigengruppe", "Anzeigengruppenname"),
        *("Nom de l'ensemble de publicités", "Nombre del conjunto de anuncios", "广告组名称"),
        "Anzeigengruppe",
    ),
    "ad_id": (
        *("Ad ID", "ad_id", "广告编号", "广告 ID"),
        # From memory.
        *("Anzeigen-ID", "ID de la publicité", "ID del anuncio", "Identificador del anuncio"),
    ),
    "ad": (
        *("Ad name", "ad_name", "Anzeigenname", "Name der Anzeige", "Nom de la publicité"),
        *("Nombre del anuncio", "广告名称"),
    ),
    "text": (
        # From memory.
        *("Body (ad settings)", "Body", "Primary text", "Ad text", "Title (ad settings)"),
        *("Haupttext", "Text", "Anzeigentext", "Texte principal", "Texte", "Texto principal"),
        *("Texto", "正文", "正文（广告设置）"),
    ),
    "network": (
        *("Placement", "publisher_platform", "Platform", "platform_position"),
        # From memory.
        *("Platzierung", "Plattform", "Emplacement", "Plateforme", "Ubicación", "Plataforma"),
        *("版位", "平台"),
    ),
    "device": (
        # From memory.
        *("Impression device", "Device platform", "impression_device", "device_platform"),
        *("Impressionsgerät", "Geräteplattform", "Appareil d'impression"),
        *("Dispositivo de impresión", "Plataforma del dispositivo", "展示设备", "设备平台"),
    ),
    "segment": (
        *("Audience", "Age", "Alter", "Âge", "Edad", "年龄"),
        *("Gender", "Geschlecht", "Sexe", "Genre", "Sexo", "性别"),
    ),
    "currency": (
        *("Currency", "Currency code", "account_currency", "Divisa", "货币", "币种"),
        *("Währung", "Devise", "Moneda"),  # from memory
    ),
    "impressions": ("Impressions", "Impressionen", "Impresiones", "展示次数"),
    "clicks": (
        *("Link clicks", "inline_link_clicks", "Link-Klicks", "Clics sur un lien"),
        *("Clics sur le lien", "Clics en el enlace", "链接点击量"),
        *("Clicks (all)", "Klicks (alle)", "Clics (tous)", "Clics (todos)", "点击量（全部）"),
        *("Clicks", "Klicks", "Clics", "点击量"),
    ),
    "conversions": (
        *("Purchases", "Website purchases", "Käufe", "Website-Käufe", "Achats"),
        *("Achats sur le site web", "Compras", "Compras en el sitio web", "购物次数", "网站购物"),
        *("Results", "Ergebnisse", "Résultats", "Resultados", "成效"),
    ),
    "conversion_value": (
        *("Purchases conversion value", "Purchase conversion value"),
        *("Website purchases conversion value", "Conversion value", "Conversion-Wert"),
        *("Valeur de conversion des achats", "Valeur de conversion"),
        *("Valor de conversión de compras", "Valor de conversión", "购物转化价值"),
        # From memory.
        *("Conversion-Wert für Käufe", "Conversion-Wert von Käufen", "Conversion-Wert der Käufe"),
        *("Website-Käufe Conversion-Wert", "网站购物转化价值"),
    ),
    "spend": (
        *("Amount spent", "spend", "Ausgegebener Betrag", "Montant dépensé", "Importe gastado"),
        *("已花费金额", "花费金额", "花费"),
    ),
    "reach": ("Reach", "Reichweite", "Couverture", "Portée", "Alcance", "覆盖人数"),
    "budget": (
        *("Campaign daily budget", "Campaign budget", "Ad set daily budget", "Ad set budget"),
        *("daily_budget", "Presupuesto de la campaña", "广告组预算", "广告系列预算"),
        # From memory.
        *("Kampagnenbudget", "Anzeigengruppenbudget", "Budget de la campagne"),
        *("Budget de l'ensemble de publicités", "Presupuesto del conjunto de anuncios"),
    ),
    "budget_type": (
        *("Campaign budget type", "Ad set budget type", "Tipo de presupuesto de la campaña"),
        "广告组预算类型",
        # From memory.
        *("Kampagnenbudgettyp", "Anzeigengruppen-Budgettyp", "Type de budget de la campagne"),
        *("Type de budget de l'ensemble de publicités", "广告系列预算类型"),
        "Tipo de presupuesto del conjunto de anuncios",
    ),
    "start_date": ("Start date", "Starts", "Campaign start time", "Startdatum", "开始日期"),
}
