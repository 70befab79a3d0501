"""Parts by group: what belongs together stays together, and the same ids always fall alike.

Rows are never split one by one: a story, a product type or a text that stands on both sides would
let the model recognise what it is asked to predict.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from promopilot.predictors.dataset import Ints, Masks, Names, Promotions, Rows

_FULL = float(1 << 32)


def hashed_share(name: str, salt: str) -> float:
    """Returns a number in [0, 1) that depends on the two strings alone."""
    return int(hashlib.sha256(f"{salt}{name}".encode()).hexdigest()[:8], 16) / _FULL


def families(promotions: Promotions) -> Names:
    """Returns a name [P] per promotion, the same for all that share a group, a test or a text.

    Groups that share a test or a text are one family, named by the first of their ids: otherwise
    either could stand on both sides of a split.
    """
    own = own_group(promotions)
    order = np.argsort(own, kind="stable")
    component = linked(promotions, by_text=True)
    first = dict(zip(component[order[::-1]], own[order[::-1]], strict=True))
    return np.array([first[value] for value in component], dtype=object)


def linked(promotions: Promotions, by_text: bool) -> Ints:
    """Returns a number [P] per promotion, the same for all that a group, test or text links.

    Args:
        promotions: without a group each is one of its own.
        by_text: whether a shared text links.
    """
    # As objects: numpy's own strings would each be as wide as the longest text.
    group = np.unique(own_group(promotions), return_inverse=True)[1]
    size = int(group.max(initial=-1)) + 1
    ends = []
    if by_text:
        ends.append((group, np.unique(promotions.text, return_inverse=True)[1]))
    if promotions.test_id is not None:
        inside = promotions.test_id != ""
        ends.append((group[inside], np.unique(promotions.test_id, return_inverse=True)[1][inside]))
    rows, columns = [group], [group]
    for start, end in ends:
        rows.append(start)
        columns.append(size + end)
        size += int(end.max(initial=-1)) + 1
    row, column = np.concatenate(rows), np.concatenate(columns)
    graph = sparse.coo_matrix((np.ones(len(row), dtype=np.int8), (row, column)), shape=(size, size))
    label: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return np.asarray(label[group], dtype=np.int64)


def held_out(rows: Rows, share: float, salt: str) -> Masks:
    """Returns a mask [R] of the rows whose family falls into the held-out share.

    Args:
        rows: to be parted.
        share: of the families, in (0, 1).
        salt: another salt holds out other families.
    """
    chosen = np.array(
        [hashed_share(str(name), salt) < share for name in families(rows.promotions)],
        dtype=np.bool_,
    )
    return chosen[rows.promotion]


def own_group(promotions: Promotions) -> Names:
    """Returns the group [P] of each promotion; one without is its own."""
    return np.where(promotions.group_id == "", promotions.promotion_id, promotions.group_id)
