"""A made-up shop of any size, with texts as long as real headlines and product titles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from promopilot.predictors import Predictor, PredictorSettings, Rows

# Words of text in offers: headlines of Google Ads have up to 30 characters and stand three in a
# row, titles of Google Shopping and Amazon mostly 5 to 25 words.
_WORDS = (
    "organic fresh classic family natural premium everyday original light creamy roasted spicy "
    "sparkling frozen instant gentle sensitive ultra soft strong dark mild crunchy whole grain "
    "yogurt coffee pizza detergent water soup cheese bread cereal pasta sauce shampoo batteries "
    "chicken salad cookies juice butter rice beans tea chocolate towels lotion bananas almonds "
    "save half price today only while stocks last buy two get one free weekend deal new arrival "
    "members bonus points on every pack of size large small value bundle limited edition gift"
).split()
_START = np.datetime64("2025-01-01")


@dataclass(frozen=True)
class Shop:
    """Every promotion in every placement and segment on every day, shown 100 times each."""

    texts: int
    placements: int
    segments: int
    days: int

    def promotions(self) -> pd.DataFrame:
        """The contract's table, each text its own."""
        count = np.arange(self.texts)
        return pd.DataFrame(
            {
                "promotion_id": [f"p{index}" for index in count],
                "text": offers(self.texts),
                "discount": (count % 6) / 10,
                "price": 1.0 + count % 40,
            }
        )

    def performance(self) -> pd.DataFrame:
        """The contract's table, with clicks and conversions that repeat."""
        shape = (self.days, self.texts, self.placements, self.segments)
        day, promotion, placement, segment = (part.ravel() for part in np.indices(shape))
        clicks = 2 + promotion % 7 + 3 * (placement % 2)

        def named(prefix: str, codes: np.ndarray, count: int) -> np.ndarray:
            names = np.array([f"{prefix}{index}" for index in range(count)], dtype=object)
            return np.asarray(names[codes])

        return pd.DataFrame(
            {
                "date": (_START + day).astype("datetime64[us]"),
                "promotion_id": named("p", promotion, self.texts),
                "placement_id": named("l", placement, self.placements),
                "segment_id": named("s", segment, self.segments),
                "impressions": 100,
                "clicks": clicks,
                "conversions": clicks % 3,
            }
        )

    def rows(self, settings: PredictorSettings) -> Rows:
        """Every line item and day, to be scored."""
        from promopilot.predictors import line_item_rows

        return line_item_rows(self.promotions(), None, None, self.performance(), settings)

    def write(self, folder: Path) -> None:
        """Writes a data folder."""
        folder.mkdir()
        self.promotions().to_parquet(folder / "promotions.parquet")
        self.performance().to_parquet(folder / "performance.parquet")
        for name, prefix, count in (
            ("placement", "l", self.placements),
            ("segment", "s", self.segments),
        ):
            ids = [f"{prefix}{index}" for index in range(count)]
            table = pd.DataFrame({f"{name}_id": ids, "text": f"a {name}"})
            table.to_csv(folder / f"{name}s.csv", index=False)


def offers(count: int, seed: int = 0) -> list[str]:
    """Returns distinct texts of 3 to 30 words, half of them of at most 8."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(np.log(8.0), 0.5, count), 3, 30).astype(int)
    return [
        f"{' '.join(rng.choice(_WORDS, length))} {index}" for index, length in enumerate(lengths)
    ]


def fitted(folder: Path) -> Predictor:
    """Fits a head on the packaged model, in one pass over 20 texts; writes it to `folder`."""
    from promopilot.predictors import PredictorSettings, fit, rows_from_tables

    settings = PredictorSettings(mode="frozen", head_epochs=1, device="cpu")
    shop = Shop(20, 7, 4, 2)
    rows = rows_from_tables(shop.promotions(), None, None, shop.performance(), settings)
    return fit(rows, rows, settings, folder, 0)
