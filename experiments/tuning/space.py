"""What a search may try: domains by the path of the setting, read from the config and checked."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from pydantic import BaseModel

from promopilot.experiments.config import RunConfig, make_config
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.tuning.trial import Value

Kind = Literal["uniform", "loguniform", "int", "logint", "choice"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_EXAMPLE = "as {loguniform: [1e-5, 1e-3]}; there are " + ", ".join(KINDS)
# What all trials have in common, since their gains are compared: at which steps, and in what.
_COMMON = ("steps", "evaluate_every", "patience", "aim")
# What a network that goes on from another's can change.
_ON_THE_WAY = {
    "ppo": ("learning_rate", "gae_lambda", "batch_size", "epochs"),
    "dqn": ("learning_rate", "lookahead", "batch_size", "lessons", "tracking"),
}


@dataclass(frozen=True)
class Domain:
    """The values of one setting."""

    path: str  # in the config, "agents.ppo.learning_rate"
    kind: Kind
    values: tuple[Value, ...]  # low and high, both included; of `choice` all there are

    @property
    def ends(self) -> tuple[Any, Any]:
        """The lowest and the highest number; not of `choice`."""
        low, high = self.values
        return low, high

    @property
    def is_whole(self) -> bool:
        """Whether its numbers are whole."""
        return self.kind in ("int", "logint")

    @property
    def is_log(self) -> bool:
        """Whether it is the logarithm that is spread evenly."""
        return self.kind in ("loguniform", "logint")


def read_space(config: RunConfig, source: str) -> tuple[Domain, ...]:
    """The search space of a config, in its order.

    Args:
        config: Its `tune.space` is read.
        source: The file that messages name.

    Raises:
        ConfigError: There is none, it names an unknown setting or one that a search cannot try, or
            a domain is none or reaches beyond what the setting may be.
    """
    tune = config.tune
    domains = tuple(_domains(tune.space, (), RunConfig, source))
    if not domains:
        raise ConfigError(
            f"{source}: `$.tune.space` is empty: name what is to be tried, {_example(tune.agent)}"
        )
    for domain in domains:
        _require_searchable(domain, config, source)
        for value in domain.values:
            _require_valid(config, domain, value, source)
    return domains


def with_values(config: RunConfig, values: Mapping[str, Value]) -> RunConfig:
    """A config with other values at some paths.

    Raises:
        ConfigError: A value is not allowed there, or two do not go together.
    """
    tree = config.model_dump(mode="json")
    for path, value in values.items():
        *above, last = path.split(".")
        section = tree
        for key in above:
            section = section[key]
        section[last] = value
    return make_config(tree, source=", ".join(f"{p} = {v}" for p, v in values.items()))


def _domains(
    tree: Mapping[str, Any], above: tuple[str, ...], model: type[BaseModel], source: str
) -> Iterator[Domain]:
    for key, below in tree.items():
        path = (*above, key)
        where = ".".join(("$.tune.space", *path))
        if key not in model.model_fields:
            near = difflib.get_close_matches(key, model.model_fields, n=1, cutoff=0.5)
            known = ", ".join(model.model_fields)
            hint = f"did you mean `{near[0]}`?" if near else f"valid here: {known}"
            raise ConfigError(f"{source}: unknown setting `{where}`; {hint}")
        kind = model.model_fields[key].annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if not isinstance(below, dict):
                raise ConfigError(f"{source}: `{where}` is {below!r}: it must name settings of it")
            yield from _domains(below, path, kind, source)
        else:
            yield _domain(below, ".".join(path), where, source)


def _domain(given: object, path: str, where: str, source: str) -> Domain:
    if not isinstance(given, dict) or len(given) != 1:
        raise ConfigError(f"{source}: `{where}` is {given!r}: it must be one domain, {_EXAMPLE}")
    [(kind, values)] = given.items()
    if kind not in KINDS:
        near = difflib.get_close_matches(str(kind), KINDS, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"give one {_EXAMPLE}"
        raise ConfigError(f"{source}: unknown domain `{where}.{kind}`; {hint}")
    rule = _broken(kind, values)
    if rule:
        raise ConfigError(f"{source}: `{where}.{kind}` is {values!r}: it must be {rule}")
    if kind in ("uniform", "loguniform"):
        values = [float(value) for value in values]  # so that they do not pass for whole numbers
    return Domain(path, cast(Kind, kind), tuple(values))


def _broken(kind: str, values: object) -> str | None:
    """What the values of a domain must be and are not."""
    if not isinstance(values, list) or not values:
        return "a list of values" if kind == "choice" else "two numbers, [low, high]"
    if kind == "choice":
        plain = all(isinstance(value, (bool, int, float, str)) for value in values)
        distinct = plain and len(set(map(repr, values))) == len(values)
        return None if distinct else "a list of different numbers, words, true or false"
    whole = kind in ("int", "logint")
    if len(values) != 2 or not all(_is_number(value, whole) for value in values):
        return f"two {'whole ' if whole else ''}numbers, [low, high]"
    low, high = values
    if low >= high:
        return "[low, high], the first less than the second"
    return "above 0 at both ends" if kind.startswith("log") and low <= 0 else None


def _is_number(value: object, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        return False
    return math.isfinite(value)


def _require_searchable(domain: Domain, config: RunConfig, source: str) -> None:
    agent = config.tune.agent
    prefix = f"agents.{agent}."
    where = f"`$.tune.space.{domain.path}`"
    if not domain.path.startswith(prefix):
        raise ConfigError(
            f"{source}: {where} is no setting of the agent {agent}: a search tries those below "
            f"`agents.{agent}` alone, as all trials are measured in the same market"
        )
    name = domain.path.removeprefix(prefix)
    if name.split(".")[0] in _COMMON:
        raise ConfigError(
            f"{source}: {where} cannot be tried: trials are compared after the same steps and by "
            f"the same aim; set `$.{domain.path}` for all of them"
        )
    if config.tune.scheduler == "pbt" and name not in _ON_THE_WAY[agent]:
        raise ConfigError(
            f"{source}: {where} cannot change while a network learns, which pbt does: it can "
            f"change {', '.join(_ON_THE_WAY[agent])}; or use asha"
        )
    if config.tune.search == "grid" and domain.kind != "choice":
        raise ConfigError(
            f"{source}: {where} is {domain.kind}, and a grid has values: give {{choice: […]}}, or "
            "set `$.tune.search` to optuna or random"
        )


def _require_valid(config: RunConfig, domain: Domain, value: Value, source: str) -> None:
    try:
        with_values(config, {domain.path: value})
    except ConfigError as error:
        reason = str(error).split(": ", 1)[-1]
        raise ConfigError(
            f"{source}: `$.tune.space.{domain.path}.{domain.kind}` reaches too far: {reason}"
        ) from error


def _example(agent: str) -> str:
    return f"as `agents: {{{agent}: {{learning_rate: {{loguniform: [1e-5, 1e-3]}}}}}}`"
