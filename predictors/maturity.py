"""How many of a day's conversions have been seen when its row is read: the conversion delay."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_HOURS = 24.0
# Shares and mean delays in hours: .36 Exp(.3 h) + .64 Exp(97 h) reproduces the shares that Chapelle
# (KDD 2014) reports, half within a day and 98 % within 14; second-hand, so a stated prior.
DELAYS = ((0.36, 0.3), (0.64, 97.0))


def matured_share(age_days: NDArray[Any]) -> NDArray[np.float64]:
    """Returns the expected share of conversions seen, in (0, 1], of rows read at an age.

    A row holds a whole day of impressions and is taken to be read at the end of the day `as_of`, so
    that its impressions are between `age` and `age` + 1 days old, evenly:

        share = 1 - sum_i w_i m_i (exp(-age / m_i) - exp(-(age + 1) / m_i)),  m_i in days.

    Args:
        age_days: `as_of` - `date` in days; below 0 counts as 0.
    """
    age = np.maximum(np.asarray(age_days, dtype=np.float64), 0.0)
    pending = np.zeros_like(age)
    for share, hours in DELAYS:
        mean = hours / _HOURS
        pending += share * mean * (np.exp(-age / mean) - np.exp(-(age + 1.0) / mean))
    return 1.0 - pending
