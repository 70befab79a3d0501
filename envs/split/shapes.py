"""What the split under limits is given, and what it writes (R limits, E entries, G groups)."""

from typing import NamedTuple

from promopilot.envs.arrays import Floats, Ints


class Shape(NamedTuple):
    """What is the same for all flights: who takes part in which limit, and the curve."""

    starts: Ints  # [L + 1]; these six as in `promopilot.envs.split.rows.Rows`
    row: Ints  # [E]
    money: Floats  # [E]
    shown: Floats  # [E]
    row_starts: Ints  # [R + 1]
    item: Ints  # [E]
    entry: Ints  # [E]
    shared: Ints  # [G'] groups that have a largest share
    price: float  # k, what a unit of money is worth unspent
    family: int
    slope: float
    spend_all: bool


class Given(NamedTuple):
    """The flights, each array with one row or N (`budget` with N)."""

    worth: Floats  # [., L]
    cost: Floats  # [., L]
    reach: Floats  # [., L]
    least: Floats  # [., L] money
    most: Floats  # [., L] money
    most_shown: Floats  # [., L] impressions
    subsidy: Floats  # [., L]
    supply: Floats  # [., Q]
    budget: Floats  # [N]
    group_min: Floats  # [., G]
    group_max: Floats  # [., G]


class Out(NamedTuple):
    """See `promopilot.envs.allocator.Split`."""

    spend: Floats  # [N, L]
    shown: Floats  # [N, L]
    budget_price: Floats  # [N]
    pool_price: Floats  # [N, Q]
    group_price: Floats  # [N, G]
    share_price: Floats  # [N, G]
    item_price: Floats  # [N, L]
    gap: Floats  # [N]
