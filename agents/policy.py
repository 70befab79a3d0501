"""What every policy is: something that sees a market before the day and answers with spend."""

from typing import Protocol

from promopilot.envs.arrays import Floats
from promopilot.envs.blocks.log import shares_of_spend
from promopilot.envs.market import Market


class Policy(Protocol):
    """Decides on a day's media spend for every flight of a batch.

    A policy may look at what `Market` names as known before the decision, at nothing else, and
    keeps no state of its own between days: what it needs to remember is in the market.
    """

    @property
    def name(self) -> str:
        """The policy's name in files, e.g. `replanner`."""
        ...

    def spend(self, market: Market) -> Floats:
        """Media spend asked for today `[N, L]`; the market enforces budget and limits."""
        ...


def shares_today(policy: Policy, market: Market) -> Floats:
    """What a policy would choose for the pools' blocks today, for offline evaluation `[N, Q, A]`.

    A = P + 1: a promotion's expected impressions over the pool's supply, and last the rest, `none`.
    Policies decide without chance of their own, so that these are their probabilities.
    """
    return shares_of_spend(market, policy.spend(market))
