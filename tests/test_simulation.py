import json
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from promopilot.agents.rollout import Rollout
from promopilot.envs.market import DayOutcome
from promopilot.envs.stress import STRESSES
from promopilot.envs.synthetic import synthetic_world
from promopilot.envs.world_files import save_world
from promopilot.experiments.cli.policy_tables import policy_table, stress_table
from promopilot.experiments.config import SimulateConfig
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.figures import figures
from promopilot.experiments.plan.judgement import read_judgement, write_judgement
from promopilot.experiments.policies import BOUND, POLICIES, available, make_policy, usable
from promopilot.experiments.progress import silent
from promopilot.experiments.recommendation import held_back, recommend
from promopilot.experiments.report import words
from promopilot.experiments.seeds import Seeds
from promopilot.experiments.simulation import Flights, Wanted, play_each, simulate_run, summarise

WORLD = synthetic_world()
SIMPLE = ["current_mix", "uniform", "roas_proportional", "static_optimum", "replanner"]


def rollout(name: str, value: np.ndarray) -> Rollout:
    none = DayOutcome(*(np.zeros((1, 1)) for _ in fields(DayOutcome)))
    nothing = np.zeros(len(value))
    return Rollout(name, value, nothing, nothing, nothing, none, *(np.zeros((1, 1)),) * 2, 0.0)


def played(**gains: float | tuple[float, float]) -> dict[str, Rollout]:
    """The re-planner and policies with a gain in per cent of it, and noise of that gain."""
    rng = np.random.default_rng(0)
    base = rng.normal(100, 20, 300)
    found = {"replanner": rollout("replanner", base)}
    for name, given in gains.items():
        gain, noise = given if isinstance(given, tuple) else (given, 0.1)
        value = base * (1 + gain / 100) + rng.normal(0, noise, 300)
        found[name] = rollout(name, value)
    return found


def judged(
    gain: float, noise: float = 0.1, under_stress: dict[str, float] | None = None
) -> tuple[str, str]:
    rows = figures(played(ppo=(gain, noise), uniform=-3.0), WORLD, 0)
    stress = {
        name: figures(played(ppo=there, uniform=-9.0), WORLD, 0)
        for name, there in ({"supply_low": gain} | (under_stress or {})).items()
    }
    return recommend(rows, rows, stress)


@pytest.mark.parametrize(
    ("verdict", "at_most"),
    [
        ("ship", "test_first"),
        ("test_first", "test_first"),
        ("insufficient_support", "insufficient_support"),
    ],
)
def test_a_plan_of_a_market_that_failed_its_backtest_is_at_most_tested(
    verdict: str, at_most: str
) -> None:
    result = {"verdict": verdict, "reasons": ["All is well."], "rows": 7}
    held = held_back(result)
    assert held["verdict"] == at_most
    assert held["reasons"][0] == "All is well."
    assert "failed its backtest" in held["reasons"][1]
    assert held["rows"] == 7
    assert result["verdict"] == verdict


# ---- recommended ----


def test_a_gain_that_is_proven_here_and_under_stress_is_recommended() -> None:
    name, why = judged(2.0, under_stress={"price_high": -0.5})
    assert name == "ppo"
    assert "+2.0" in why
    assert "its lower bound is -0.5" in why
    assert "“media 30 % dearer”" in why


@pytest.mark.parametrize(("gain", "noise"), [(0.3, 0.1), (1.0, 20.0)])
def test_a_small_or_unproven_gain_is_not(gain: float, noise: float) -> None:
    name, why = judged(gain, noise)
    assert name == "replanner"
    assert "the trained pilot, brought" in why
    assert "lower bound of at least 0.5 %" in why
    assert "points" in why


def test_a_loss_under_stress_names_the_market_and_by_how_much() -> None:
    name, why = judged(2.0, under_stress={"demand_half": -3.0, "shock": 1.0})
    assert name == "replanner"
    assert "with “half the orders” it brings -3.0" in why
    assert "may not be below -1.0 %: it is 2.0" in why
    assert "lower bound of at least" not in why
    assert "“a fall in mid-flight”" not in why


def test_every_condition_that_is_not_met_is_named() -> None:
    _, why = judged(0.2, under_stress={"demand_half": -3.0, "rates_low": -2.0})
    for told in ("at least 0.5 %", "“half the orders”", "“response lower than predicted”"):
        assert told in why


def test_the_replanner_stays_where_nothing_beats_it() -> None:
    assert judged(-1.0) == (
        "replanner",
        "No other policy was better on the validation flights.",
    )


def test_validation_flights_choose_and_test_flights_only_judge() -> None:
    validation = figures(played(ppo=3.0, mpc=2.0), WORLD, 0)
    test = figures(played(ppo=0.1, mpc=9.0), WORLD, 0)
    name, why = recommend(validation, test, {})
    assert name == "replanner"
    assert "trained pilot" in why


def test_hindsight_is_never_recommended() -> None:
    assert usable(list(POLICIES)) == [name for name in POLICIES if name != "clairvoyant"]
    test = played(ppo=1.0, clairvoyant=9.0)
    validation = {name: test[name] for name in usable(list(test))}
    document = summarise(validation, test, {}, WORLD, 0, bound=np.full(4, 200.0))
    assert document["recommended"] == "ppo"


def test_where_the_replanner_brings_nothing_no_gain_can_be_given() -> None:
    nothing = {name: rollout(name, np.zeros(9)) for name in ("replanner", "ppo")}
    rows = figures(nothing, WORLD, 0)
    assert recommend(rows, rows, {}) == (
        "replanner",
        "The daily re-optimiser's mean is 0, so that no gain can be given on it.",
    )


# ---- figures ----


def test_the_share_of_the_gap_is_given_where_there_is_one() -> None:
    found = figures(played(mpc=2.0, ppo=(1.4, 1.0)), WORLD, 0)
    assert found["ppo"]["gap_closed"] == pytest.approx(0.7, abs=0.1)
    low, high = found["ppo"]["gap_closed_ci95"]
    assert low < 0.7 < high
    assert found["mpc"]["gap_closed"] == pytest.approx(1)
    assert found["replanner"]["gap_closed"] == 0
    for too_small in (played(mpc=0.4, ppo=0.3), played(ppo=0.3), played(mpc=-2.0, ppo=0.3)):
        assert "gap_closed" not in figures(too_small, WORLD, 0)["ppo"]


def test_differences_are_paired_on_the_flights_that_both_played() -> None:
    all_ = played(mpc=(2.0, 0.0), clairvoyant=(10.0, 0.0), ppo=(1.0, 0.0))
    for name in ("mpc", "clairvoyant"):
        all_[name] = rollout(name, all_[name].value[:20])
    found = figures(all_, WORLD, 0)
    assert found["mpc"]["flights"] == 20
    assert found["replanner"]["flights"] == 300
    assert found["mpc"]["vs_replanner_pct"] == pytest.approx(2.0)
    assert found["ppo"]["gap_closed"] == pytest.approx(0.5)
    assert found["ppo"]["pct_of_clairvoyant"] == pytest.approx(100 * 1.01 / 1.1)
    assert found["clairvoyant"]["pct_of_clairvoyant"] == pytest.approx(100)


def test_the_bound_has_a_mean_and_nothing_else() -> None:
    base = played()["replanner"].value
    bound = figures(played(), WORLD, 0, base[:2] + 3.0)[BOUND]  # 3 above it on these flights
    assert bound == {"value_mean": pytest.approx(base.mean() + 3.0)}


def test_a_recommended_policy_on_fewer_flights_is_judged_on_those(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    current, exported = rng.normal(50, 9, 200), rng.normal(100, 20, 200)
    plan: Any = SimpleNamespace(rollout=SimpleNamespace(value=exported, spent=current))
    values = {"current_mix": current.tolist(), "mpc": (exported[:20] + 5.0).tolist()}
    write_judgement(plan, {"recommended": "mpc", "values": values}, 0, tmp_path)
    judged_plan = read_judgement(tmp_path)
    assert judged_plan["value_with_daily_update"] == pytest.approx(exported.mean() + 5.0)
    gain = 100 * (exported[:20] + 5.0 - current[:20]).mean() / current[:20].mean()
    assert judged_plan["daily_update_vs_current_mix_pct"] == pytest.approx(gain)
    gain = 100 * (exported - current).mean() / current.mean()
    assert judged_plan["vs_current_mix_pct"] == pytest.approx(gain)


# ---- policies by name ----


def test_what_was_not_trained_is_left_out_or_named(tmp_path: Path) -> None:
    assert available(tmp_path) == [n for n, entry in POLICIES.items() if not entry.artifact]
    (tmp_path / "policy.json").write_text("{}")
    assert "ppo" in available(tmp_path)
    with pytest.raises(ConfigError, match=r"'dqn' was not trained in .*; there are current_mix"):
        make_policy("dqn", WORLD, tmp_path)


@pytest.mark.parametrize("name", SIMPLE)
def test_policies_bear_their_names(name: str, tmp_path: Path) -> None:
    assert make_policy(name, WORLD, tmp_path).name == name


# ---- a run ----


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "market").mkdir()
    save_world(WORLD, folder / "market")
    return folder


def test_a_run_is_simulated_with_the_replanner_as_baseline(run: Path) -> None:
    found = simulate_run(run, ["uniform"], 12, 0, silent)["policies"]
    assert set(found) == {"uniform", "replanner"}
    assert found["replanner"]["vs_replanner_pct"] == 0
    assert found["uniform"]["flights"] == 12
    assert json.loads(json.dumps(found)) == found
    again = simulate_run(run, ["uniform"], 12, 0, silent)["policies"]
    assert again["uniform"]["value_mean"] == found["uniform"]["value_mean"]
    other = simulate_run(run, ["uniform"], 12, 1, silent)["policies"]
    assert other["uniform"]["value_mean"] != found["uniform"]["value_mean"]


def test_the_stress_table_holds_every_policy_in_every_market(run: Path) -> None:
    sizes = SimulateConfig(flights_stress=4)
    found = simulate_run(run, ["uniform"], 12, 0, silent, stress=sizes)
    assert list(found["stress"]) == list(STRESSES)
    for rows in found["stress"].values():
        assert set(rows) == {"uniform", "replanner"}
        assert rows["uniform"]["flights"] == 4
        assert rows["replanner"]["vs_replanner_pct"] == 0
    values = {rows["uniform"]["value_mean"] for rows in found["stress"].values()}
    assert len(values) == len(STRESSES)
    text = stress_table(found["stress"])
    for name in STRESSES:  # what it is, before a table of its own
        assert f"{words.STRESSES[name][0]} ({name}): {words.STRESSES[name][1]}\n" in text
    assert sum(line.startswith("uniform ") for line in text.splitlines()) == len(STRESSES)


def test_policies_that_look_ahead_play_at_most_so_many_flights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = POLICIES["uniform"]
    slow = type(entry)(entry.make, slow=True)
    monkeypatch.setitem(POLICIES, "uniform", slow)
    told: list[float] = []
    wanted = [Wanted(["current_mix", "uniform"], Flights(1, 10, 4))]
    (found,) = play_each(
        wanted, WORLD, tmp_path, lambda what, share: told.append(share), "simulate"
    )
    assert {name: len(each.value) for name, each in found.items()} == {
        "current_mix": 10,
        "uniform": 4,
    }
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


def test_the_text_table_shows_what_there_is_and_dashes_else() -> None:
    base = played()["replanner"].value
    rows = figures(played(ppo=1.0), WORLD, 0, base + (150.0 - base.mean()))
    rows["ppo"]["fallback_share"] = 0.034
    lines = policy_table(rows).splitlines()
    assert len(lines) == 4
    assert {line.index(words.policy(name)) for line, name in zip(lines[1:], rows, strict=True)} == {
        lines[0].index("also called")
    }
    assert "3.4 %" in lines[2]
    assert lines[3].split()[:3] == [BOUND, "\N{EN DASH}", "150.00"]


def test_an_unknown_policy_is_named_with_its_nearest(run: Path) -> None:
    with pytest.raises(ConfigError, match="'unifrom'; did you mean uniform"):
        simulate_run(run, ["unifrom"], 4, 0, silent)
    with pytest.raises(ConfigError, match=r"there are current_mix, .*, clairvoyant_bound"):
        simulate_run(run, ["zzz"], 4, 0, silent)


def test_no_two_purposes_share_flights() -> None:
    seeds = [s for seed in range(50) for s in Seeds.of(seed).as_dict().values()]
    assert len(set(seeds)) == len(seeds)


def test_of_a_gap_that_is_not_proven_no_share_is_told() -> None:
    rows = figures(played(mpc=(0.8, 30.0), ppo=(0.4, 15.0)), WORLD, 0)
    assert rows["mpc"]["vs_replanner_ci95"][0] < 0
    assert "gap_closed" not in rows["ppo"]


def test_the_choice_is_made_on_flights_that_all_have_played() -> None:
    """Ahead on its few flights, behind on those that all played."""
    few = {name: replace(r, value=r.value[:50]) for name, r in played(mpc=1.0).items()}
    many = played(ppo=2.0)
    many["ppo"].value[50:] *= 0.5
    validation = many | {"mpc": few["mpc"]}
    document = summarise(validation, played(ppo=2.0, mpc=1.0), {}, WORLD, 0)
    assert document["recommended"] == "ppo"


def test_a_mean_on_few_flights_is_made_comparable_with_those_on_all() -> None:
    everybody = played(mpc=2.0, ppo=1.0)
    best = np.argsort(-everybody["replanner"].value)[:40]  # a lucky part
    order = np.r_[best, np.setdiff1d(np.arange(300), best)]
    lucky = {name: replace(r, value=r.value[order]) for name, r in everybody.items()}
    lucky["mpc"] = replace(lucky["mpc"], value=lucky["mpc"].value[:40])
    rows = figures(lucky, WORLD, 0)
    assert rows["mpc"]["value_mean"] > 1.2 * rows["replanner"]["value_mean"]
    assert 1.01 < rows["mpc"]["value_all_flights"] / rows["replanner"]["value_mean"] < 1.04
    assert "value_all_flights" not in rows["ppo"]
