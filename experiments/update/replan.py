"""Planning the days that are left, under what is left of the limits and of the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from promopilot.agents.policy import Policy
from promopilot.envs.errors import InfeasibleError
from promopilot.envs.feasibility import check_limits
from promopilot.envs.target import Target
from promopilot.envs.world import World
from promopilot.experiments.limits.target_price import NOTHING, MakePolicy, Totals
from promopilot.experiments.limits.targets import aimed
from promopilot.experiments.plan.reference import TablePolicy, reference_table
from promopilot.experiments.update.reached import reached
from promopilot.experiments.update.rest import planned
from promopilot.experiments.update.standing import Standing


@dataclass(frozen=True)
class Replanned:
    """Who plans the rest of a flight, and in which market."""

    rest: World
    policy: Policy  # plays the table
    notes: tuple[str, ...]  # what can no longer be kept


def replan(
    today: Standing,
    rest: World,
    make: Callable[[World], Policy],
    played: tuple[int, int],
    *,
    strict: bool,
) -> Replanned:
    """Plan the days that are left.

    A target counts the whole flight: its price is found anew, for what the days that are left must
    make of what happened. Where they cannot, the target is that of the days left alone; where not
    even that can be met it is left out. Limits that the money left cannot keep together bind each
    day as far as it goes. All of that is told.

    Args:
        today: Where the flight stands.
        rest: Its market of the days that are left.
        make: Makes the run's recommended policy for the run's market.
        played: Seed and number of the flights on which the plan is played.
        strict: Refuse what cannot be kept: these limits were given just now.

    Raises:
        InfeasibleError: The limits of the days that are left cannot all hold.
    """

    def table(world: World) -> Policy:
        """The run's policy at the target, and the target's price, of a world like `rest`."""
        target = None if world.limits is None else world.limits.target
        policy = make(_aiming(today.world, target))
        return TablePolicy(planned(policy, today.market), policy.name)

    free = _aiming(rest, None)
    policy = table(free)
    if rest.limits is None:
        return Replanned(rest, policy, ())
    try:
        check_limits(rest)
        reference_table(policy, free)  # finds what no linear program does: steps that are too slow
    except InfeasibleError as error:
        if strict:
            raise
        note = f"{_first_sentence(str(error))}: each day keeps them as far as the money left goes"
        return Replanned(replace(rest, limits=None), policy, (note,))
    if rest.limits.target is None:
        return Replanned(rest, policy, ())
    found, unmet = _aimed(rest, table, played, reached(today).totals)
    if strict and len(unmet) == len(_COUNTED):
        raise InfeasibleError(unmet[-1])
    return Replanned(found, table(found), _missed(unmet))


# A target counts the whole flight, else the days that are left alone.
_COUNTED = (True, False)


def _aimed(
    rest: World, table: MakePolicy, played: tuple[int, int], before: Totals
) -> tuple[World, list[str]]:
    """The rest at the price of its target, and what was said where one could not be met."""
    unmet = list[str]()
    for whole in _COUNTED:
        try:
            return aimed(rest, table, *played, before if whole else NOTHING), unmet
        except InfeasibleError as error:
            unmet.append(str(error))
    return _aiming(rest, None), unmet


def _aiming(world: World, target: Target | None) -> World:
    """The same world with another target and its price; one without limits has none."""
    if world.limits is None:
        return world
    return replace(world, limits=replace(world.limits, target=target))


def _missed(unmet: list[str]) -> tuple[str, ...]:
    """What became of a target that cannot be met."""
    if not unmet:
        return ()
    if len(unmet) < len(_COUNTED):
        return (
            "after what happened the flight can no longer meet its target: the days that are left "
            "are planned to meet it by themselves",
        )
    return (
        f"{_first_sentence(unmet[-1])}: not even by the days that are left; they are planned "
        "without it, and --limits takes another",
    )


def _first_sentence(text: str) -> str:
    first = text.split(". ")[0].rstrip(".")
    return first[0].lower() + first[1:]
