"""What makes people click and convert in a made-up shop: words, place, people, and chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from promopilot.envs.arrays import Floats
from promopilot.envs.catalog import Catalog
from promopilot.experiments.sources.synthetic.places import Place
from promopilot.experiments.sources.synthetic.settings import SyntheticSettings
from promopilot.experiments.sources.synthetic.texts import STAGES, Copy, text_effects


@dataclass(frozen=True)
class Effects:
    """True log-odds; the keys of each are `STAGES`."""

    text: dict[str, Floats]  # [P] what a promotion's words add
    own_promotion: dict[str, Floats]  # [P] what it has of its own
    own_item: dict[str, Floats]  # [L] what a line item has of its own
    log_odds: dict[str, Floats]  # [L] everything together, before weekday, walks and fatigue
    weekday_click: Floats  # [7] added to click log-odds


def draw_effects(
    settings: SyntheticSettings,
    copies: list[Copy],
    places: list[Place],
    audiences: list[Place],
    catalog: Catalog,
    rng: np.random.Generator,
) -> Effects:
    """Add up what is known of words, placements and segments, and what is drawn."""
    text = {s: settings.text_effect * text_effects(copies, s) for s in STAGES}
    own = {s: rng.normal(0, settings.promotion_sd, catalog.num_promotions) for s in STAGES}
    item = {s: rng.normal(0, settings.line_item_sd, catalog.num_line_items) for s in STAGES}
    base = {"click": settings.click_rate, "conversion": settings.conversion_rate}
    log_odds = {}
    for s in STAGES:
        where = np.array([getattr(place, s) for place in places])[catalog.placement]
        whom = np.array([getattr(audience, s) for audience in audiences])[catalog.segment]
        promotion = (text[s] + own[s])[catalog.promotion]
        log_odds[s] = np.asarray(logit(base[s]) + promotion + where + whom + item[s])
    return Effects(text, own, item, log_odds, rng.normal(0, settings.weekday_click_sd, 7))
