"""What can be wrong with a market, said in one sentence."""


class MarketError(ValueError):
    """A market, catalog or action that breaks a rule; the message names the value and the rule."""


class InfeasibleError(MarketError):
    """Limits that no plan can keep; the message names a set of them that cannot all hold."""
