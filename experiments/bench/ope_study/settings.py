"""The settings of the study of offline evaluation: worlds, log sizes and policies.

The bandit worlds were fixed before any interval was looked at; of the others some sizes and rates
were set when first intervals of the bandit and slate worlds had been seen. The sizes of logs for
decisions come from the standard errors that are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Literal

from promopilot.experiments.bench.ope_study.bandit import shop
from promopilot.experiments.bench.ope_study.cases import World
from promopilot.experiments.bench.ope_study.policies import Aim
from promopilot.experiments.bench.ope_study.sequential import weeks
from promopilot.experiments.bench.ope_study.slate import mailer

LOGS = 500  # simulated per setting
DECISIONS = 200  # where only the verdict is of interest
NEW, EQUAL, WORSE, BETTER = "new", "equal", "worse", "better"
_SEED = 7  # of the worlds
_GAIN = 0.08  # of the policy whose intervals are judged
_ESS = {"good": 0.5, "poor": 0.07}  # usable evidence as a share of the log

Overlap = Literal["good", "poor"]


@dataclass(frozen=True)
class Setting:
    """One world, one log size."""

    name: str
    kind: str  # of log
    says: str  # what the world is, in words
    overlap: Overlap
    units: int  # decisions, slates or episodes of a log
    make: Callable[[], World]
    unjudged: tuple[str, ...] = ()  # estimators whose assumption does not hold in this world

    @property
    def decides_only(self) -> bool:
        """Whether it is there for decisions on a better policy, not for intervals."""
        return self.name.endswith(BETTER)

    @property
    def logs(self) -> int:
        """Logs simulated in the whole study."""
        return DECISIONS if self.decides_only else LOGS


def _aims(overlap: Overlap, *names: str) -> Mapping[str, Aim]:
    ess = _ESS[overlap]
    aims = {NEW: Aim(_GAIN, ess), EQUAL: Aim(0.0, ess), WORSE: Aim(-0.05, ess)}
    return {name: aims[name] for name in names or aims}


# Sharpness of the logging policy, and the share of offers that it draws evenly, by overlap.
_SHOPS = {"good": (1.0, 0.2), "poor": (2.0, 0.02)}
_MAILERS = {"good": 0.5, "poor": 1.0}
_WEEKS = {"good": 0.4, "poor": 0.8}


@cache
def _shop(
    overlap: Overlap, skewed: bool, better: Aim | None = None, *, rare: bool = False
) -> World:
    aims = _aims(overlap) if not better else {BETTER: better}
    return shop(_SEED, *_SHOPS[overlap], skewed, aims, rare)


@cache
def _mailer(overlap: Overlap, interacting: bool, better: Aim | None = None) -> World:
    aims = _aims(overlap) if not better else {BETTER: better}
    return mailer(_SEED, _MAILERS[overlap], interacting, aims)


@cache
def _weeks(overlap: Overlap, better: Aim | None = None) -> World:
    return weeks(_SEED, _WEEKS[overlap], _aims(overlap) if not better else {BETTER: better})


def _settings() -> dict[str, Setting]:
    overlaps: tuple[Overlap, ...] = ("good", "poor")
    shops = (
        ("purchases", False, "purchases, counted"),
        ("baskets", True, "baskets of skewed size, customers who come back"),
    )
    mailers = (
        ("places", False, "clicks that depend on offer and place"),
        ("readers", True, "clicks that depend on the offers above, too"),
    )
    found = [
        _setting("bandit", world, says, overlap, units, partial(_shop, overlap, skewed))
        for world, skewed, says in shops
        for overlap in overlaps
        for units in (500, 5_000)
    ]
    found += [
        _setting(
            "bandit",
            "clicks",
            "rare clicks",
            overlap,
            units,
            partial(_shop, overlap, False, rare=True),
        )
        for overlap in overlaps
        for units in (2_000, 10_000)
    ]
    found += [
        replace(
            _setting("slate", world, says, overlap, units, partial(_mailer, overlap, interacting)),
            unjudged=("iips", "sniips") if interacting else (),
        )
        for world, interacting, says in mailers
        for overlap in overlaps
        for units in (500, 2_000)
    ]
    found += [
        _setting("sequential", "weeks", "five weeks", overlap, units, partial(_weeks, overlap))
        for overlap in overlaps
        for units in (200, 2_000)
    ]
    return {setting.name: setting for setting in found + _better()}


def _setting(
    kind: str, world: str, says: str, overlap: Overlap, units: int, make: Callable[[], World]
) -> Setting:
    return Setting(f"{kind}-{world}-{overlap}-{units}", kind, says, overlap, units, make)


def _better() -> list[Setting]:
    """Worlds with a policy that gains 10 %, in logs where that is over four standard errors."""
    half, third, quarter = Aim(0.10, 0.5), Aim(0.10, 0.35), Aim(0.10, 0.25)
    made: list[tuple[str, str, str, int, Callable[[], World]]] = [
        ("bandit", "purchases", "purchases, counted", 14_000, partial(_shop, "good", False, half)),
        ("bandit", "baskets", "skewed baskets", 36_000, partial(_shop, "good", True, half)),
        ("slate", "places", "clicks by place", 3_800, partial(_mailer, "good", False, half)),
        ("slate", "readers", "clicks of readers", 8_000, partial(_mailer, "good", True, quarter)),
        ("sequential", "weeks-near", "five weeks", 7_500, partial(_weeks, "good", third)),
        ("sequential", "weeks-far", "five weeks", 10_000, partial(_weeks, "good", quarter)),
    ]
    return [
        Setting(f"{kind}-{world}-{BETTER}", kind, says, "good", units, make)
        for kind, world, says, units, make in made
    ]


STUDY = _settings()
