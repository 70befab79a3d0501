"""What `promopilot init` writes: a commented config, a made-up history, and a note on both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from promopilot.experiments.atomic import write_text_atomic
from promopilot.experiments.config import load_config
from promopilot.experiments.config_comments import commented_yaml
from promopilot.experiments.errors import RunFolderError
from promopilot.experiments.limits.sample import SAMPLE

Ints = NDArray[np.int64]

DAYS = 120
FIRST_DAY = date(2025, 1, 6)  # a Monday
# Made up. id, text, category, price, discount, clicks per impression, conversions per click.
PROMOTIONS = (
    ("pizza-30", "30% off frozen pizza this week only", "frozen", 7.5, 0.30, 0.034, 0.081),
    ("pizza-0", "New: stone-baked pizza with basil", "frozen", 7.5, 0.00, 0.021, 0.052),
    ("coffee-20", "Save 20% on whole-bean coffee", "coffee", 14.0, 0.20, 0.029, 0.066),
    ("coffee-bundle", "Two bags of coffee, 15% off together", "coffee", 26.0, 0.15, 0.018, 0.048),
    ("detergent-25", "25% off liquid detergent, two litres", "household", 11.0, 0.25, 0.022, 0.060),
    ("milk-0", "Fresh milk from the valley, every day", "dairy", 3.5, 0.00, 0.016, 0.090),
    ("yogurt-10", "10% off Greek yogurt, four flavours", "dairy", 5.0, 0.10, 0.025, 0.071),
    ("grill-40", "Grill season: 40% off charcoal grills", "garden", 89.0, 0.40, 0.041, 0.011),
)  # fmt: skip
# id, text, channel, cpm, impressions a day, response against the first.
PLACEMENTS = (
    ("home-banner", "Banner on the home page", "site", 3.0, 60_000, 1.0),
    ("search", "Sponsored row in the shop's search", "site", 7.0, 25_000, 1.9),
    ("email", "Block in the weekly email", "email", 2.0, 35_000, 0.8),
)
# id, text, people, share of impressions, response against the first.
SEGMENTS = (
    ("regulars", "Customers with an order in the last 60 days", 40_000, 0.45, 1.25),
    ("others", "Everybody else", 90_000, 0.55, 0.80),
)
WEEKDAYS = (0.95, 0.92, 0.94, 1.0, 1.12, 1.15, 0.92)  # season, Monday first

# What a first plan needs, in the order in which one thinks of it; and how tables would be built.
_ESSENTIAL = (
    *("data", "flight", "budget", "limits", "currency", "objective", "report"),
    *("assumptions", "assumptions.margin"),
)
_BUILT = frozenset({"data.complete_journey", "data.synthetic"})

README = """# A start with promopilot

- `config.yaml`: every key with its unit and default; what you delete falls back to the default.
- `limits.yaml`: what every plan keeps to; a promotion may change by 20 % a day, the rest is yours.
- `data/`: MADE-UP tables of a small shop ({days} days, {promotions} promotions, {placements}
  placements, {segments} segments). Replace them with yours, keeping the column names.

    promopilot data check {folder}/data     # lists every problem in the tables
    promopilot run {folder}/config.yaml     # plan.csv, report.html and the evidence
"""


def write_example(directory: Path, seed: int = 0) -> list[str]:
    """Writes the example into a new or empty folder and returns the names of its files.

    The same seed gives the same bytes.

    Raises:
        RunFolderError: `directory` is a file, is not empty, or cannot be written.
    """
    if directory.is_file() or (directory.is_dir() and any(directory.iterdir())):
        raise RunFolderError(f"{directory} is not empty: name a new or empty folder")
    try:
        (directory / "data").mkdir(parents=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunFolderError(f"cannot write to {directory}: {reason}") from error
    for name, frame in example_tables(seed).items():
        text = frame.to_csv(index=False, lineterminator="\n")
        write_text_atomic(directory / "data" / f"{name}.csv", text)
    write_text_atomic(directory / "README.md", _readme(directory))
    write_text_atomic(directory / "limits.yaml", SAMPLE)
    write_text_atomic(directory / "config.yaml", _config())
    return sorted(p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file())


def example_tables(seed: int) -> dict[str, pd.DataFrame]:
    """The made-up tables of the contract: promotions, placements, segments, performance."""
    promotions = pd.DataFrame(
        [row[:5] for row in PROMOTIONS],
        columns=["promotion_id", "text", "category", "price", "discount"],
    ).assign(margin=0.55)
    placements = pd.DataFrame(
        [row[:4] for row in PLACEMENTS], columns=["placement_id", "text", "channel", "cpm"]
    )
    segments = pd.DataFrame([row[:3] for row in SEGMENTS], columns=["segment_id", "text", "size"])
    return {
        "promotions": promotions,
        "placements": placements,
        "segments": segments,
        "performance": _performance(seed),
    }


def _performance(seed: int) -> pd.DataFrame:
    """One row per day x line item: spend at the day's price, binomial clicks and conversions."""
    rng = np.random.default_rng(seed)
    shape = (DAYS, len(PROMOTIONS), len(PLACEMENTS), len(SEGMENTS))  # [T, P, L, S]
    day, promotion, placement, segment = (index.ravel() for index in np.indices(shape))

    def of(rows: Sequence[tuple[Any, ...]], column: int, index: Ints) -> NDArray[Any]:
        return np.array([row[column] for row in rows])[index]

    season = np.array(WEEKDAYS)[day % 7] * rng.lognormal(0.0, 0.05, DAYS)[day]
    attention = rng.dirichlet(np.full(len(PROMOTIONS), 6.0))[promotion]
    supply = of(PLACEMENTS, 4, placement) * of(SEGMENTS, 3, segment) * season
    impressions = rng.poisson(0.6 * supply * attention * rng.lognormal(0.0, 0.25, len(day)))
    response = of(PLACEMENTS, 5, placement) * of(SEGMENTS, 4, segment)
    clicks = rng.binomial(impressions, np.clip(of(PROMOTIONS, 5, promotion) * response, 0, 0.5))
    conversions = rng.binomial(clicks, of(PROMOTIONS, 6, promotion))
    price = np.exp(rng.normal(0.0, 0.1, (DAYS, len(PLACEMENTS))))[day, placement]
    paid = of(PROMOTIONS, 3, promotion) * (1.0 - of(PROMOTIONS, 4, promotion))
    return pd.DataFrame(
        {
            "date": pd.Series(pd.date_range(FIRST_DAY, periods=DAYS)[day]).dt.strftime("%Y-%m-%d"),
            "promotion_id": of(PROMOTIONS, 0, promotion),
            "placement_id": of(PLACEMENTS, 0, placement),
            "segment_id": of(SEGMENTS, 0, segment),
            "impressions": impressions,
            "clicks": clicks,
            "conversions": conversions,
            "spend": np.round(impressions * of(PLACEMENTS, 3, placement) * price / 1000, 2),
            "conversion_value": np.round(conversions * paid, 2),
        }
    )


def _config() -> str:
    from promopilot.experiments.cli.settings import packaged

    config = load_config(packaged("example"))
    beside = {
        "data": config.data.model_copy(update={"folder": Path("data")}),
        "limits": config.limits.model_copy(update={"file": Path("limits.yaml")}),
    }
    body = commented_yaml(config.model_copy(update=beside), _BUILT, _ESSENTIAL)
    return f"# Every key with its unit and default; what you delete goes back to that.\n{body}"


def _readme(directory: Path) -> str:
    return README.format(
        days=DAYS,
        promotions=len(PROMOTIONS),
        placements=len(PLACEMENTS),
        segments=len(SEGMENTS),
        folder=directory.name or directory.resolve().name,
    )
