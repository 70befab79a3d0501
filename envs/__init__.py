"""The market: importing this registers `promopilot/BudgetAllocation-v0` with Gymnasium."""

from gymnasium.envs.registration import register

from promopilot.envs.errors import MarketError

__all__ = ["MarketError"]

register(
    id="promopilot/BudgetAllocation-v0",
    entry_point="promopilot.envs.budget_allocation:BudgetAllocation",
    vector_entry_point="promopilot.envs.budget_allocation:BudgetAllocationVector",
    # Above any flight: a flight ends by itself on its last day.
    max_episode_steps=3660,
)
