"""Actions that name a preset: a way of adjusting the re-planner's day that analysts can name."""

from dataclasses import dataclass

import numpy as np

from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan

# The least that stock may weigh, so that a scarce promotion is not given up.
_LEAST_STOCK_WEIGHT = 0.1


@dataclass(frozen=True)
class Preset:
    """A pace for the day's money, and how much each promotion's impressions are held to be worth.

    Worth is multiplied by exp(unknown x sd) (1 + n)^-tired k^stock: sd the belief's standard
    deviation, n the recent exposures per person, k the share of stock left over the share of the
    flight left where that is below 1.
    """

    name: str
    pace: float = 1.0
    unknown: float = 0.0
    tired: float = 0.0
    stock: float = 0.0


# Factors of 1.5 and one standard deviation: differences that a day's result can show. People tire
# by (1 + n)^-.43 already today; as much again stands for what is lost tomorrow.
PRESETS = (
    Preset("replanner"),
    Preset("wait", pace=0.25),
    Preset("slower", pace=1 / 1.5),
    Preset("faster", pace=1.5),
    Preset("favour the unknown", unknown=1.0),
    Preset("favour the proven", unknown=-1.0),
    Preset("spare the tired", tired=0.43),
    Preset("keep the stock", stock=1.0),
)


class PresetActions:
    """One of `PRESETS`; 0 is the re-planner.

    Args:
        replan: Splits the day's money at the preset's pace and tilts.
    """

    rule = "the number of a preset"

    def __init__(self, replan: Replan) -> None:
        self.count = len(PRESETS)
        self._replan = replan
        self._pace, self._unknown, self._tired, self._stock = (
            np.array([getattr(preset, name) for preset in PRESETS])
            for name in ("pace", "unknown", "tired", "stock")
        )

    def spend(self, market: Market, action: Ints) -> Floats:
        """Media spend `[N, L]` that presets `[N]` ask for today."""
        sd = np.hypot(market.first_belief.now.sd, market.second_belief.now.sd)  # [N, P]
        log_tilt = self._unknown[action, None] * sd
        log_tilt -= self._tired[action, None] * _log_exposure(market)
        log_tilt += self._stock[action, None] * np.log(_stock_pace(market, self._replan))
        return self._replan(market, self._pace[action], np.exp(log_tilt)).spend


def _log_exposure(market: Market) -> Floats:
    """[N, P] log(1 + recent exposures per person), the mean over a promotion's reach today."""
    catalog, reach = market.world.catalog, market.reach
    seen = catalog.by_promotion.sum(np.log1p(market.fatigue)[:, catalog.audience] * reach)
    return np.asarray(seen / np.maximum(catalog.by_promotion.sum(reach), 1e-9))


def _stock_pace(market: Market, replan: Replan) -> Floats:
    """[N, P] share of stock left over share of the flight left, at most 1; 1 where unlimited."""
    stock = market.world.catalog.stock
    limited = np.isfinite(stock) & (stock > 0)
    left = market.stock_left / np.where(limited, stock, 1.0)
    pace = left / max(float(replan.planned_share_left[market.day]), 1e-9)
    return np.asarray(np.where(limited, np.clip(pace, _LEAST_STOCK_WEIGHT, 1.0), 1.0))
