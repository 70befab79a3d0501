"""What a made-up shop offers: every promotion in every pool, and what a conversion is worth."""

from __future__ import annotations

import numpy as np

from promopilot.envs.catalog import Catalog
from promopilot.experiments.sources.synthetic.places import Place
from promopilot.experiments.sources.synthetic.settings import SyntheticSettings
from promopilot.experiments.sources.synthetic.texts import Copy

_LEAST_MARGIN, _MOST_MARGIN = 0.2, 0.4  # of price, left after the discount


def make_catalog(
    settings: SyntheticSettings,
    copies: list[Copy],
    places: list[Place],
    audiences: list[Place],
    rng: np.random.Generator,
) -> Catalog:
    """The catalog, with unlimited stock; the discount is paid by the shop."""
    count = len(copies)
    grid = np.indices((count, len(places), len(audiences))).reshape(3, -1)
    promotion, placement, segment = grid.astype(np.int64)
    discount = np.array([copy.discount for copy in copies])
    price = np.array([copy.price for copy in copies])
    price = (price * np.exp(rng.normal(0, 0.1, count))).round(2)
    margin = discount + rng.uniform(_LEAST_MARGIN, _MOST_MARGIN, count)
    caused = rng.normal(settings.incrementality, settings.incrementality_sd, count)
    unit_subsidy = (price * discount).round(2)
    return Catalog(
        promotion_ids=tuple(_ids(copies)),
        placement_ids=tuple(place.id for place in places),
        segment_ids=tuple(audience.id for audience in audiences),
        promotion=promotion,
        placement=placement,
        segment=segment,
        price=price,
        margin=margin.round(2),
        incrementality=np.clip(caused, 0.0, 1.0),
        unit_subsidy=unit_subsidy,
        conversion_value=(price - unit_subsidy).round(2),
        stock=np.full(count, np.inf),
    )


def _ids(copies: list[Copy]) -> list[str]:
    """Ids that a person can read, numbered so that they are unique."""
    width = len(str(len(copies)))
    return [
        f"{copy.product.replace(' ', '-')}-{round(100 * copy.discount)}-{number:0{width}d}"
        for number, copy in enumerate(copies, 1)
    ]
