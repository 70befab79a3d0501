"""The table of promotions: what each says, whose campaign it is, what discount its text names."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from promopilot.experiments.importing.ids import Coded, as_text
from promopilot.experiments.importing.joined_text import TextsById, texts_of
from promopilot.experiments.importing.line_items import LineItems, by_rule
from promopilot.experiments.importing.mapping import Discount, Mapping, Rule
from promopilot.experiments.importing.rows import Rows


@dataclass(frozen=True)
class Promotions:
    """The table, and what is worth knowing of it."""

    frame: pd.DataFrame  # P rows, in the order of the promotions' numbers
    nameless: int  # promotions without a text, whose name stands for it
    several_texts: int  # promotions with more than one text, of which the most shown one counts
    several_campaigns: int  # promotions of more than one campaign, whose campaign_id is left empty


def promotions_of(
    rows: Rows, items: LineItems, mapping: Mapping, texts: TextsById | None
) -> Promotions:
    """One row per promotion.

    Args:
        rows: n rows.
        items: What each is of.
        mapping: Complete.
        texts: Those of a second file; they come before those of the export.
    """
    ids = items.promotion
    names = by_rule(_names_of(mapping, rows), rows)
    name, _ = _most_shown(ids, names, rows)
    own = by_rule(mapping.text or Rule(), rows, as_text)
    text, several = _most_shown(ids, own, rows)
    if texts is not None and mapping.texts is not None:
        joined = texts_of(by_rule(Rule(fields=(mapping.texts.by,)), rows), texts.texts)
        joined_text, several = _most_shown(ids, joined, rows)
        text = joined_text.fillna(text)
    id_text = pd.Series(ids.names, dtype="str")
    name = name.fillna(id_text)
    wordless = text.isna()
    # Always with a name: an analyst may write the ads' texts over `text`, whose name it was.
    frame = pd.DataFrame({"promotion_id": id_text, "text": text.fillna(name), "name": name})
    campaigns = by_rule(mapping.campaign_id or Rule(), rows)
    campaign, shared = _most_shown(ids, campaigns, rows)
    campaign[shared] = None
    if campaign.notna().any():
        frame["campaign_id"] = campaign
    if mapping.discount is not None:
        frame["discount"] = _discounts(mapping.discount, frame, rows, ids)
    return Promotions(frame, int(wordless.sum()), int(several.sum()), int(shared.sum()))


def _names_of(mapping: Mapping, rows: Rows) -> Rule:
    """The rule of promotions' ids with names in place of ids where the export has both."""
    rule = mapping.promotion or Rule()
    names = tuple(
        part.removesuffix("_id") if part.removesuffix("_id") in rows.texts else part
        for part in rule.fields
    )
    return Rule(fields=names, constant=rule.constant)


def _most_shown(ids: Coded, values: Coded, rows: Rows) -> tuple[pd.Series, pd.Series]:
    """Each id's [P] value with most impressions, None where it has none, and whether it has more.

    Of two that were shown as often, the one that stands first in the files counts.
    """
    known = values.codes >= 0
    pair = ids.codes[known] * len(values.names) + values.codes[known]
    number, pairs = pd.factorize(pair)
    shown = np.bincount(number, np.nan_to_num(rows.measures["impressions"][known]), len(pairs))
    order = np.argsort(-shown, kind="stable")
    owner, value = np.divmod(pairs[order], max(len(values.names), 1))
    best = ~pd.Series(owner).duplicated().to_numpy()
    found = np.full(len(ids.names), None, dtype=object)
    found[owner[best]] = np.array(values.names, dtype=object)[value[best]]
    several = np.bincount(owner, minlength=len(ids.names)) > 1
    return pd.Series(found, dtype="str"), pd.Series(several)


def _discounts(discount: Discount, frame: pd.DataFrame, rows: Rows, ids: Coded) -> pd.Series[float]:
    """The share [P] that the first number found in the text names; missing where it names none."""
    (where, *_) = discount.source.fields or ("text",)
    if where in ("text", "name"):
        texts = frame[where]
    else:
        texts, _ = _most_shown(ids, by_rule(discount.source, rows), rows)
    pattern = re.compile(discount.pattern)
    return pd.Series([_share(pattern, text) for text in texts], dtype="float64")


def _share(pattern: re.Pattern[str], text: object) -> float:
    found = pattern.search(text) if isinstance(text, str) else None
    if found is None:
        return np.nan
    try:
        share = float(found[1].replace(",", ".")) / 100
    except (AttributeError, ValueError):
        return np.nan
    return share if 0 <= share <= 1 else np.nan
