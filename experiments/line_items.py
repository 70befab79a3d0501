"""Where the rows of a table belong in a market's arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd

from promopilot.envs.world import World
from promopilot.experiments.tables.keys import ITEM


def line_items(world: World) -> pd.MultiIndex:
    """Promotion, placement and segment of each line item `[L]`."""
    catalog = world.catalog
    ids = (catalog.promotion_ids, catalog.placement_ids, catalog.segment_ids)
    index = (catalog.promotion, catalog.placement, catalog.segment)
    return pd.MultiIndex.from_arrays(
        [np.array(names, dtype=object)[i] for names, i in zip(ids, index, strict=True)],
        names=ITEM,
    )
