"""The policies that evaluations show, by name: how each is made, and what it may be used for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from promopilot.agents.policy import Policy
from promopilot.envs.world import World
from promopilot.experiments.errors import ConfigError

BASELINE = "replanner"
LOOKAHEAD = "mpc"
HINDSIGHT = "clairvoyant"
BOUND = "clairvoyant_bound"  # no policy: a number that none can pass


@dataclass(frozen=True)
class Entry:
    """One policy."""

    make: Callable[[World, Path], Policy]  # from the market and the folder of trained policies
    artifact: str = ""  # its file in that folder; a run without it has not got the policy
    slow: bool = False  # it looks ahead, and plays fewer flights where time is short
    usable: bool = True  # False where it knows what nobody can know


def _current_mix(world: World, trained: Path) -> Policy:
    from promopilot.agents.simple import CurrentMix

    return CurrentMix()


def _uniform(world: World, trained: Path) -> Policy:
    from promopilot.agents.simple import Uniform

    return Uniform()


def _roas_proportional(world: World, trained: Path) -> Policy:
    from promopilot.agents.simple import RoasProportional

    return RoasProportional()


def _static_optimum(world: World, trained: Path) -> Policy:
    from promopilot.agents.static_optimum import StaticOptimum

    return StaticOptimum(world)


def _replanner(world: World, trained: Path) -> Policy:
    from promopilot.agents.replanner import Replanner

    return Replanner(world)


def _replanner_tuned(world: World, trained: Path) -> Policy:
    from promopilot.agents.tuned import TunedReplanner

    return TunedReplanner.load(trained, world)


def _mpc(world: World, trained: Path) -> Policy:
    from promopilot.agents.lookahead.mpc import Mpc

    return Mpc(world)


def _ppo(world: World, trained: Path) -> Policy:
    from promopilot.agents.ppo_policy import load_policy

    return load_policy(trained, world)


def _dqn(world: World, trained: Path) -> Policy:
    from promopilot.agents.dqn_policy import load_dqn

    return load_dqn(trained / "dqn", world)


def _clairvoyant(world: World, trained: Path) -> Policy:
    from promopilot.agents.lookahead.clairvoyant import Clairvoyant

    return Clairvoyant(world)


POLICIES: dict[str, Entry] = {
    "current_mix": Entry(_current_mix),
    "uniform": Entry(_uniform),
    "roas_proportional": Entry(_roas_proportional),
    "static_optimum": Entry(_static_optimum),
    BASELINE: Entry(_replanner),
    "replanner_tuned": Entry(_replanner_tuned, artifact="replanner_tuned.json"),
    LOOKAHEAD: Entry(_mpc, slow=True),
    "ppo": Entry(_ppo, artifact="policy.json"),
    "dqn": Entry(_dqn, artifact="dqn/policy.json"),
    HINDSIGHT: Entry(_clairvoyant, slow=True, usable=False),
}


def available(trained: Path) -> list[str]:
    """Names of the policies that a run has: what was not trained in it is left out."""
    return [
        name
        for name, entry in POLICIES.items()
        if not entry.artifact or (trained / entry.artifact).is_file()
    ]


def usable(names: list[str]) -> list[str]:
    """Those of `names` that somebody could act by."""
    return [name for name in names if name in POLICIES and POLICIES[name].usable]


def check_names(names: list[str], trained: Path) -> None:
    """Refuse what cannot be played, before anything takes time.

    Raises:
        ConfigError: No policy has that name, or the run has not trained it.
    """
    for name in names:
        if name != BOUND and name not in POLICIES:
            every = [*POLICIES, BOUND]
            near = get_close_matches(name, every, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(every)}"
            raise ConfigError(f"no policy is called {name!r}; {hint}")
        if name in POLICIES and name not in available(trained):
            raise ConfigError(
                f"the policy {name!r} was not trained in {trained}; there are "
                f"{', '.join(available(trained))} (`$.agents.trained` says what a run trains, "
                "`promopilot train` trains one)"
            )


def make_policy(name: str, world: World, trained: Path) -> Policy:
    """The policy of that name.

    Args:
        name: One of `POLICIES`.
        world: The market it decides in.
        trained: The folder of what was trained in a run.

    Raises:
        ConfigError: No policy has that name, or it was not trained.
        PolicyError: What was trained is altered or made for another market.
    """
    check_names([name], trained)
    if name == BOUND:
        raise ConfigError(f"{BOUND!r} is a bound, which decides nothing")
    return POLICIES[name].make(world, trained)
