"""Estimators as they are asked for: `NAME`, or `NAME:param=value,…`."""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from typing import Any, get_type_hints

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.estimator import Estimator, Family, Kind, R


@dataclass(frozen=True)
class Request:
    """An estimator by name, with the hyper-parameters that are given; others are chosen."""

    name: str
    params: tuple[tuple[str, Any], ...] = ()  # by field of the estimator


def parse_requests(specs: Sequence[str], kind: Kind[R]) -> list[Request]:
    """Requests in the order given, each once; the kind's own where none is.

    Raises:
        LogError: an unknown name or hyper-parameter, with the nearest known one, or a value that
            the hyper-parameter does not take.
    """
    return list(dict.fromkeys(_parse(spec, kind) for spec in specs or kind.default))


def names_in(specs: Sequence[str]) -> set[str]:
    """Names of the estimators asked for, whether known or not."""
    return {spec.partition(":")[0] for spec in specs}


def made(request: Request, family: Family[R]) -> Estimator[R]:
    """The estimator of a request, its other hyper-parameters at their defaults.

    Raises:
        LogError: a value out of range, or one missing that has no default.
    """
    given = dict(request.params)
    make: Any = family.make
    for field in fields(make):
        if field.name not in given and field.default is MISSING:
            raise LogError(f"estimator {request.name} needs {field.name.rstrip('_')}=….")
    try:
        return family.make(**given)
    except ValueError as error:
        raise LogError(f"estimator {request.name}: {error}") from None


def _parse(spec: str, kind: Kind[R]) -> Request:
    name, _, given = spec.partition(":")
    if name not in kind.families:
        known = ", ".join(kind.families)
        raise LogError(
            f"unknown estimator {name!r} for a {kind.name} log{_near(name, kind.families)} "
            f"Known are {known}."
        )
    family = kind.families[name]
    params = tuple(_param(name, part, family) for part in given.split(",")) if given else ()
    for key in [key for key, _ in params]:
        if [other for other, _ in params].count(key) > 1:
            raise LogError(f"estimator {name}: {key.rstrip('_')} is given twice.")
    request = Request(name, params)
    if params or family.grid is None:
        made(request, family)
    return request


def _param(name: str, part: str, family: Family[R]) -> tuple[str, Any]:
    key, equals, text = part.partition("=")
    takes = _takes(family)
    if not equals or key not in takes:
        offer = f"it takes {', '.join(takes)}." if takes else "it takes none."
        raise LogError(f"estimator {name} has no setting {part!r}; {offer}")
    wanted = get_type_hints(family.make)[takes[key]]
    if wanted is float:
        try:
            return takes[key], float(text)
        except ValueError:
            raise LogError(f"estimator {name}: {key} is {text!r}; it must be a number.") from None
    return takes[key], text


def _takes(family: Family[R]) -> dict[str, str]:
    """Hyper-parameters by the names of the contract, with the fields that hold them."""
    make: Any = family.make
    return {field.name.rstrip("_"): field.name for field in fields(make)}


def _near(name: str, known: Any) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else "."
