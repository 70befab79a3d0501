"""Which curve, and of which placements prices tell reach."""

import numpy as np

from promopilot.envs.arrays import Bools
from promopilot.envs.calibration.flat_prices import flat_evidence, may_bend
from promopilot.envs.calibration.history import History
from promopilot.envs.calibration.own_prices import own_prices
from promopilot.envs.calibration.price_and_reach import priced_rows
from promopilot.envs.calibration.reach_fit import ReachFit, fit_reach
from promopilot.envs.response import FAMILIES, Saturation

# Another family than the prior's needs evidence this clear: twice the log-likelihood, as in BIC.
# Integrated over hundreds of days, it is good to a few units itself.
CLEAR = 20.0


def fit_supply(history: History) -> ReachFit:
    """Fit with the prior's family, and with another where the evidence for that is clear.

    Placements whose prices do not rise with impressions, or differ rather by line item, or have
    too few rows to tell, count as those without prices; so do those without a shared supply.
    """
    size = history.num_placements
    bent = may_bend(priced_rows(history), size) & history.shared_supply
    best = _best(history, bent)
    if not best.settled:
        return _best(history, np.zeros_like(bent))
    if best.priced.any():
        pools = np.bincount(best.rows.placement, (best.rows.least > -np.inf).sum(axis=1), size)
        days = np.maximum(np.bincount(best.rows.placement, minlength=size), 1)
        penalty = 0.5 * pools / days * np.log(days)  # a level for each pool
        by_placement = np.bincount(best.rows.placement, best.log_likelihood, size) - penalty
        own = own_prices(best.rows, size, len(history.items)).log_evidence
        flat = best.priced & (by_placement < np.maximum(flat_evidence(best.rows, size), own))
        if flat.any():
            best = _best(history, bent & ~flat)
    return best


def _best(history: History, bent: Bools) -> ReachFit:
    rows = priced_rows(history, bent)
    families = FAMILIES if rows.day.size else FAMILIES[:1]
    if history.family is not None:
        families = (history.family,)
    slope = history.hill_slope or 1.0
    fits = [fit_reach(history, rows, Saturation(family, slope)) for family in families]
    settled = [fit for fit in fits if fit.settled]
    if not settled:
        return fits[0]
    best = max(settled, key=lambda fit: fit.log_evidence)
    usual = settled[0]
    return best if 2 * (best.log_evidence - usual.log_evidence) > CLEAR else usual
