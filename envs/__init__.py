"""The market: importing this registers promopilot's environments with Gymnasium.

`promopilot/BudgetAllocation-v0` decides on money day by day, `promopilot/AdPlacement-v0` on every
block of impressions; both are views of one market.
"""

from gymnasium.envs.registration import register

from promopilot.envs.errors import MarketError

__all__ = ["MarketError"]

register(
    id="promopilot/BudgetAllocation-v0",
    entry_point="promopilot.envs.views.budget_allocation:BudgetAllocation",
    vector_entry_point="promopilot.envs.views.budget_allocation:BudgetAllocationVector",
    # Above any flight: a flight ends by itself on its last day.
    max_episode_steps=3660,
)
register(
    id="promopilot/AdPlacement-v0",
    entry_point="promopilot.envs.views.ad_placement:AdPlacement",
    vector_entry_point="promopilot.envs.views.ad_placement_vector:AdPlacementVector",
    # Above any flight: the market refuses more decisions.
    max_episode_steps=2**23,
)
