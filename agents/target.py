"""The price at which the re-planner keeps a target in the reference flight."""

from dataclasses import replace

from promopilot.agents.errors import PolicyError
from promopilot.envs.market import Market
from promopilot.envs.replan import Replan
from promopilot.envs.target import Target
from promopilot.envs.world import World

_HIGHEST = 1e6
_HALVINGS = 40


def replan_for(world: World, roas: float | None, cpa: float | None) -> Replan:
    """A re-planner that keeps a target in the reference flight, at the least price.

    A higher price never lowers the surplus there by more than fatigue and stock make of it, so the
    price is bisected.

    Args:
        world: What is played.
        roas: Least conversion value per unit of spend; none if absent.
        cpa: Most money per conversion; none if absent. Not with a ROAS.

    Raises:
        PolicyError: Not even the dearest price keeps it.
    """
    target = Target(roas, cpa)
    if (roas is None and cpa is None) or _surplus(world, target) >= 0:
        return Replan(world, target)
    low, high = 0.0, 1.0
    while _surplus(world, replace(target, price=high)) < 0:
        low, high = high, 4 * high
        if high > _HIGHEST:
            asked = f"a ROAS of {roas}" if roas is not None else f"a CPA of {cpa}"
            raise PolicyError(
                f"The target is {asked}, and no spend reaches it in the expected flight: relax it, "
                "or offer what earns more."
            )
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _surplus(world, replace(target, price=middle)) < 0:
            low = middle
        else:
            high = middle
        if high - low <= 1e-6 * high:
            break
    return Replan(world, replace(target, price=high))


def _surplus(world: World, target: Target) -> float:
    """Money by which the reference flight is better than its target; -1 where it spends nothing."""
    market, replan, surplus, spent = Market(world, expected=True), Replan(world, target), 0.0, 0.0
    market.reset_to_mean()
    while not market.done:
        outcome = market.step(replan(market).spend)
        spend = float(outcome.spend.sum())
        spent += spend
        if target.roas is not None:
            surplus += float(outcome.conversion_value.sum()) - target.roas * spend
        if target.cpa is not None:
            surplus += target.cpa * float(outcome.conversions.sum()) - spend
    return surplus if spent > 1e-6 * world.budget else -1.0
