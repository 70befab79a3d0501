"""A world survives its files, and files that are no world are named."""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from safetensors.numpy import load_file, save_file
from tests.market.build import SMALL, always, play, same, started, with_parts, without_clicks
from tests.market.strategies import properties, worlds

from promopilot.envs.errors import MarketError
from promopilot.envs.response import Saturation
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.world import World
from promopilot.envs.world_files import load_world, save_world

BOTH = ("world.safetensors", "world.json")


def _leaves(part: Any, path: str = "world") -> Iterator[tuple[str, Any]]:
    """Every value of a dataclass and of those inside it, with its name."""
    for field in fields(part):
        value, name = getattr(part, field.name), f"{path}.{field.name}"
        if is_dataclass(value):
            yield name, type(value)
            yield from _leaves(value, name)
        else:
            yield name, value


def _assert_equal(left: World, right: World) -> None:
    mine, other = dict(_leaves(left)), dict(_leaves(right))
    assert mine.keys() == other.keys()
    for name, value in mine.items():
        assert type(value) is type(other[name]), name
        if isinstance(value, np.ndarray):
            assert value.dtype == other[name].dtype, name
            assert same(value, other[name]), name
        else:
            assert value == other[name], name


def _unusual() -> World:
    """No field at its default."""
    world = without_clicks(synthetic_world(SMALL, objective="revenue", covers=("spend", "subsidy")))
    rng = np.random.default_rng(0)
    return with_parts(
        world,
        catalog={"stock": np.array([np.inf, 3.0, 0.0]), "incrementality": np.full(3, 0.7)},
        dynamics={"saturation": Saturation("hill", 1.7), "incrementality_sd": np.full(3, 0.1)},
        initial={
            "fatigue": rng.random(6),
            "log_price": np.array([0.3, np.nan]),
            "pending": rng.integers(0, 9, (2, 12)).astype(float),
            "spent": 17.25,
        },
        live=rng.random((4, 12)) < 0.5,
        max_spend=np.where(rng.random(12) < 0.5, np.inf, 9.0),
        usual_fatigue_factor=np.full(6, 0.9),
        per_day_max=123.456,
        currency="EUR",
        overrun="book",
    )


@pytest.mark.parametrize(
    "world",
    [synthetic_world(), _unusual(), replace(_unusual(), per_day_max=float("inf"))],
    ids=["default", "unusual", "no daily limit"],
)
def test_every_field_survives_its_files(world: World, tmp_path: Path) -> None:
    save_world(world, tmp_path)
    _assert_equal(world, load_world(tmp_path))


@properties
@given(world=worlds())
def test_any_world_survives_its_files(world: World, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("world")
    save_world(world, folder)
    _assert_equal(world, load_world(folder))


def test_a_loaded_world_plays_the_same_flights(tmp_path: Path) -> None:
    world = synthetic_world(SMALL, covers=("spend", "subsidy"))
    save_world(world, tmp_path)
    runs = [play(started(w, 3, 4), lambda m: always(m, 9.0)) for w in (world, load_world(tmp_path))]
    for left, right in zip(*runs, strict=True):
        assert same(left.objective, right.objective)


def test_views_are_saved_as_they_look(tmp_path: Path) -> None:
    world = synthetic_world(SyntheticSize(promotions=2, placements=2, segments=1, days=3))
    turned = replace(world, supply=np.asfortranarray(world.supply)[::-1])
    save_world(turned, tmp_path)
    _assert_equal(turned, load_world(tmp_path))


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_file_cut_short_is_named(tmp_path: Path, name: str, kept: float) -> None:
    save_world(synthetic_world(SMALL), tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(MarketError, match=r"The market in .* cannot be read"):
        load_world(tmp_path)


@pytest.mark.parametrize("name", BOTH)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    save_world(synthetic_world(SMALL), tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(MarketError, match=f"holds no market: {name} is missing"):
        load_world(tmp_path)
    with pytest.raises(MarketError, match="holds no market"):
        load_world(tmp_path / "nowhere")


def _names(folder: Path) -> dict[str, Any]:
    save_world(synthetic_world(SMALL), folder)
    return json.loads((folder / "world.json").read_text())


PARTS = sorted(
    name.removeprefix("world.")
    for name, value in _leaves(synthetic_world(SMALL))
    if not isinstance(value, np.ndarray | type) and name != "world.limits"  # may be absent
)


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_part_is_an_error(tmp_path: Path, part: str) -> None:
    names = _names(tmp_path)
    del names[part]
    (tmp_path / "world.json").write_text(json.dumps(names))
    with pytest.raises(MarketError, match=r"cannot be read.*" + part.split(".")[-1]):
        load_world(tmp_path)


def test_a_missing_array_is_an_error(tmp_path: Path) -> None:
    _names(tmp_path)
    arrays = load_file(tmp_path / "world.safetensors")
    for name in arrays:
        save_file({key: arrays[key] for key in arrays if key != name}, tmp_path / BOTH[0])
        with pytest.raises(MarketError, match=r"cannot be read.*" + name.split(".")[-1]):
            load_world(tmp_path)


def test_an_unknown_part_is_an_error(tmp_path: Path) -> None:
    names = _names(tmp_path) | {"weather": "rain"}
    (tmp_path / "world.json").write_text(json.dumps(names))
    with pytest.raises(MarketError, match="weather"):
        load_world(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"start": "tomorrow"},
        pytest.param({"start": None}, id="start null"),
        pytest.param({"budget": "much"}),
        pytest.param({"budget": None}),
        pytest.param({"overrun": None}, id="overrun null"),
        pytest.param({"dynamics.drift_sd": "much"}),
    ],
    ids=str,
)
def test_a_part_of_another_kind_is_a_market_error(tmp_path: Path, change: dict) -> None:
    (tmp_path / "world.json").write_text(json.dumps(_names(tmp_path) | change))
    with pytest.raises(MarketError):
        load_world(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[1, 2]", b"17", b"null"], ids=repr)
def test_names_of_another_kind_are_a_market_error(tmp_path: Path, content: bytes) -> None:
    save_world(synthetic_world(SMALL), tmp_path)
    (tmp_path / "world.json").write_bytes(content)
    with pytest.raises(MarketError, match="cannot be read"):
        load_world(tmp_path)
