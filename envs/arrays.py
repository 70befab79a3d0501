"""Array types shared by the market; shapes are given where a name is declared.

Letters in shapes: N flights, D days, L line items, P promotions, K placements, S segments, Q pools.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
