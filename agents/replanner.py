"""The daily re-planner: belief, today's prices and fatigue, and the exact split."""

from promopilot.envs.arrays import Floats
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.world import World


class Replanner:
    """Spends what the re-planning of `promopilot.envs.replan` says; the zero action of PPO."""

    name = "replanner"

    def __init__(self, world: World) -> None:
        self._replan = Replan(world)

    def spend(self, market: Market) -> Floats:
        """Today's split at pace 1 and tilts 1."""
        return self._replan(market).spend
