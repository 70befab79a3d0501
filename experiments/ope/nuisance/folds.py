"""Which fold a decision belongs to, and which decisions a model is fitted on.

Both go by a hash of a key alone: the decision's id, or its cluster's, so that rows of one customer
or one day are never on both sides of a fit.
"""

import numpy as np
import pandas as pd

from promopilot.experiments.ope.arrays import FloatArray, IntArray, TextArray

# Key of the hash that samples, another than the one that makes folds: the two must not depend on
# each other.
_SAMPLING_KEY = "promopilot-rows-"


def fold_of(keys: TextArray, folds: int) -> IntArray:
    """Folds 0 to `folds` - 1 of string keys [n], by a hash of each key alone.

    A key stays in its fold whatever other rows come or go, and equal keys share one.
    """
    return (pd.util.hash_array(keys, categorize=False) % np.uint64(folds)).astype(np.int64)


def folds_of_units(unit: TextArray, decision: TextArray, folds: int) -> IntArray:
    """Folds [n] that keep the decisions of a unit together.

    Where all decisions share one unit, or few units fall into one fold, there is nothing else to
    split by than the decisions.

    Args:
        unit: [n] ids of what is independent: clusters, else decisions.
        decision: [n] distinct ids.
        folds: how many.
    """
    fold = fold_of(unit, folds)
    return fold_of(decision, folds) if (fold == fold[0]).all() else fold


def place_of(keys: TextArray) -> FloatArray:
    """A number in [0, 1) for each string key [n], by a hash of the key alone, spread evenly.

    The keys whose number is below a share are a sample of that share; it does not depend on the
    folds, nor on the other rows, so that a log read in blocks gives the same sample.
    """
    hashed = pd.util.hash_array(keys, hash_key=_SAMPLING_KEY, categorize=False)
    return np.asarray((hashed >> np.uint64(11)).astype(np.float64) / 2.0**53)
