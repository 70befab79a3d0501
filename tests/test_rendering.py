import re
import unicodedata
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

import promopilot.envs  # noqa: F401 - registers the environments
from promopilot.agents.vec_env import FlightsVecEnv
from promopilot.envs.errors import MarketError
from promopilot.envs.synthetic import SyntheticSize, synthetic_world
from promopilot.envs.views.budget_allocation import BudgetAllocation
from promopilot.envs.views.rendering import number
from promopilot.envs.world import World

ID = "promopilot/BudgetAllocation-v0"
SMALL = SyntheticSize(promotions=4, placements=2, segments=1, days=6, stock=50.0)


def named(world: World, *names: str) -> World:
    ids = (*names, *world.catalog.promotion_ids[len(names) :])
    return replace(world, catalog=replace(world.catalog, promotion_ids=ids))


def played(world: World, mode: str, days: int) -> tuple[BudgetAllocation, list[dict]]:
    env = BudgetAllocation(world, render_mode=mode)
    env.reset(seed=1)
    idle = np.zeros(env.action_space.shape)
    return env, [env.step(idle)[4] for _ in range(days)]


def columns(line: str) -> int:
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in line)
    return len(line) + wide - sum(unicodedata.combining(c) > 0 for c in line)


def table(text: str) -> list[str]:
    """The header, the promotions' lines and the last line."""
    return text.splitlines()[3:-1]


WORLDS = {
    "small": synthetic_world(SMALL),
    "one day": synthetic_world(replace(SMALL, days=1)),
    "many promotions": synthetic_world(replace(SMALL, promotions=60, stock=np.inf)),
    "names of all kinds": named(
        synthetic_world(SMALL),
        "比萨饼半价优惠" * 12,
        "Cre\u0300me bru\u0302le\u0301e",
        "a\nb\tc" * 30,
    ),
    "a large budget": synthetic_world(SMALL).with_budget(4e11),
    "paid in conversions": synthetic_world(SMALL, objective="conversions"),
}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("days", [0, 1, 5])
def test_the_text_is_aligned_and_below_100_columns(world: World, days: int) -> None:
    text = played(world, "ansi", min(days, world.days))[0].render()
    assert all(c.isprintable() or c == "\n" for c in text)
    assert max(columns(line) for line in text.splitlines()) < 100
    header, *rows, last = table(text)
    assert len(rows) <= 20
    assert len({columns(line) for line in (header, *rows[: world.catalog.num_promotions])}) <= 2
    # The figures of "so far", the fifth column, end where its name does.
    end = columns(header[: header.rindex("so far") + 6])
    assert columns(last) == end


def test_the_text_tells_what_was_accounted() -> None:
    world = WORLDS["small"]
    env, infos = played(world, "ansi", 3)
    title, bar, _, *_ = env.render().splitlines()
    assert title.startswith("After day 3 of 6, Wed 2024-01-03: net profit so far ")
    earned = number(sum(info["objective"].sum() for info in infos))
    assert title.endswith(f" {earned} USD")
    left = infos[-1]["budget_left"]
    assert f"{number(left)} of {number(world.budget)} USD left" in bar
    assert bar.count("█") == round(36 * left / world.budget)
    for p, row in enumerate(table(env.render())[1:-1]):
        mine = world.catalog.promotion == p
        spend = [info["spend"][mine].sum() for info in infos]
        sold = [info["conversions"][mine].sum() for info in infos]
        name, *cells = re.split(r"\s{2,}", row)
        figures = [spend[-1], sum(spend), sold[-1], sum(sold)]
        assert name == f"promotion-{p}"
        assert cells[:4] == [number(figure) for figure in figures]
        assert cells[5] == number(50 - sum(sold))


def test_belief_is_shown_in_per_cent_of_the_prediction() -> None:
    env, _ = played(WORLDS["small"], "ansi", 4)
    market = env.batch.market
    row = table(env.render())[1]
    shift = market.first_belief.now.mean[0, 0] + market.second_belief.now.mean[0, 0]
    assert f"{100 * (np.exp(shift) - 1):+.0f} ±" in row


def test_many_promotions_are_cut_to_those_that_got_most() -> None:
    env, infos = played(WORLDS["many promotions"], "ansi", 3)
    *_, more, last = table(env.render())
    assert more.startswith("41 more")
    assert last.split()[1] == number(infos[-1]["spend"].sum())


def test_before_the_first_day_nothing_was_spent() -> None:
    env, _ = played(WORLDS["small"], "ansi", 0)
    text = env.render()
    assert text.startswith("Before day 1 of 6, Mon 2024-01-01: net profit so far 0 USD")
    assert "(100 %, even pace 100 %)" in text


def test_a_reset_starts_a_new_picture() -> None:
    env, _ = played(WORLDS["small"], "ansi", 3)
    before = env.render()
    env.reset(seed=1)
    assert env.render().startswith("Before day 1")
    for _ in range(3):
        env.step(np.zeros(env.action_space.shape))
    assert env.render() == before


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_the_picture_is_an_image(world: World) -> None:
    env, _ = played(world, "rgb_array", 0)
    pictures = [env.render()]
    env.step(np.zeros(env.action_space.shape))
    pictures.append(env.render())
    for picture in pictures:
        assert picture.shape == (600, 1080, 3)
        assert picture.dtype == np.uint8
        assert picture.flags.writeable
        assert (picture[:4] == 255).all()  # nothing runs over the edge
        assert (picture[-4:] == 255).all()
        assert (picture[:, -4:] == 255).all()
    assert (pictures[0] != pictures[1]).any()


def test_bars_are_as_high_as_what_was_spent() -> None:
    env, infos = played(WORLDS["small"], "rgb_array", 4)
    bars = env.render()[364:556, 64:540].astype(int)
    coloured = (bars.max(axis=2) - bars.min(axis=2)) > 40
    heights = [coloured[:, round(476 * (day + 0.5) / 6)].sum() for day in range(6)]
    spent = [info["spend"].sum() for info in infos] + [0.0, 0.0]
    scale = heights[0] / spent[0]
    np.testing.assert_allclose(heights, np.array(spent) * scale, atol=2.5)


def test_modes_are_declared_and_checked() -> None:
    assert BudgetAllocation.metadata["render_modes"] == ["ansi", "rgb_array"]
    with pytest.raises(MarketError, match=r"render_mode is 'human'; it must be one of \('ansi'"):
        BudgetAllocation(render_mode="human")
    env = BudgetAllocation(WORLDS["small"])
    env.reset(seed=0)
    assert env.render() is None


def test_a_batch_of_one_is_pictured_in_each_view() -> None:
    for mode in ("ansi", "rgb_array"):
        batch = gymnasium.make_vec(ID, num_envs=1, world=WORLDS["small"], render_mode=mode)
        batch.reset(seed=1)
        vec = FlightsVecEnv(batch)
        env, _ = played(WORLDS["small"], mode, 1)
        batch.step(np.zeros((1, 9)))
        np.testing.assert_array_equal(batch.render()[0], env.render())
        assert vec.render_mode == mode
    np.testing.assert_array_equal(vec.render(), env.render())
    frames = gymnasium.make(ID, world=WORLDS["small"], render_mode="rgb_array_list")
    frames.reset(seed=0)
    frames.step(np.zeros(9, np.float32))
    assert len(frames.render()) == 2
