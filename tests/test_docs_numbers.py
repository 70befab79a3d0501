"""docs/numbers.md: its files and settings exist, its example is what the code computes."""

import re
from math import log
from pathlib import Path

import numpy as np
import pytest

from promopilot.envs.catalog import Catalog
from promopilot.envs.priors import PRIORS
from promopilot.envs.response import Saturation, marginal_cost, share_bought
from promopilot.experiments.config import AssumptionsConfig, SimulateConfig
from promopilot.experiments.plan.columns import COLUMNS, QUANTILES
from promopilot.experiments.recent_weeks import CURRENT_DAYS
from promopilot.experiments.recommendation import LEAST_GAIN_PCT, LEAST_STRESS_PCT
from promopilot.experiments.tables.schema import TABLES
from promopilot.predictors.maturity import matured_share

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "numbers.md").read_text(encoding="utf-8")
PROSE = (
    " ".join(TEXT.split()).replace("\N{MULTIPLICATION SIGN}", "x").replace("\N{MINUS SIGN}", "-")
)
QUOTED = set(re.findall(r"`([^`\n]+)`", TEXT))


def test_every_place_in_the_code_is_there() -> None:
    places = {name for name in QUOTED if re.match(r"(envs|predictors|agents|experiments)/", name)}
    assert len(places) > 15
    assert {name for name in places if not (ROOT / name).exists()} == set()
    assert all(
        (ROOT / "predictors" / f"{name}.py").exists() for name in ("likelihood", "uncertainty")
    )


def test_every_setting_and_column_is_there() -> None:
    sections = {"assumptions": AssumptionsConfig, "simulate": SimulateConfig}
    named = {tuple(name.split(".", 1)) for name in QUOTED if "." in name}
    settings = {(section, key) for section, key in named if section in sections}
    assert len(settings) > 2
    assert {one for one in settings if one[1] not in sections[one[0]].model_fields} == set()
    columns = {column for table in TABLES for column in table.columns}
    assert {"unit_subsidy", "daily_supply", "as_of", "cpm", "cpc", "margin"} <= QUOTED & columns
    assert {"current_budget"} <= QUOTED & set(COLUMNS)
    assert "profit_p10" in QUOTED & set(QUANTILES)


def test_the_worked_example_is_what_the_code_computes() -> None:
    one = np.ones(1)
    none = np.zeros(1, dtype=np.int64)
    catalog = Catalog(
        *(("a",), ("home",), ("all",), none, none, none),
        price=20 * one,
        margin=0.4 * one,
        incrementality=one,
        unit_subsidy=20 * 0.1 * one,
        conversion_value=18 * one,
        stock=np.inf * one,
    )
    earns = float(catalog.profit_per_conversion()[0])
    reach, cost, rate = 20_000.0, 0.004, 0.03 * 0.05
    shown = reach * share_bought(60 / (cost * reach), 0, 1.0)
    worth, curve = rate * earns, Saturation()
    following = float(marginal_cost(np.array(shown), np.array(cost), np.array(reach), curve))
    stop = cost * reach * log(worth / cost)
    for said in (
        f"20 x 0.4 - 2 = {earns:.2f}",
        f"0.03 x 0.05 x {earns:.2f} = {worth:.3f}",
        f"= {shown:,.0f} impressions and {shown * rate:.1f} conversions",
        f"profit {shown * worth:.2f}, net profit {shown * worth - 60:.2f}",
        f"exp(60 / 80) = {following:.5f}, so the next 1.00 brings {worth / following:.2f}",
        f"At {stop:.2f} it brings 1.00",
    ):
        assert said in PROSE


@pytest.mark.parametrize(
    "said",
    [
        f"over the {CURRENT_DAYS} days before the flight",
        f"gains at least {LEAST_GAIN_PCT} % on these",
        f"loses at most {-LEAST_STRESS_PCT:.0f} %",
        f"prior {PRIORS['fatigue_exponent'].mean}; h is "
        f"{PRIORS['fatigue_half_life_days'].mean:.0f} days",
    ],
)
def test_figures_are_those_of_the_code(said: str) -> None:
    assert said in PROSE


def test_the_prior_delay_is_as_told() -> None:
    within = matured_share(np.array([0.0, 13.0]))
    assert within == pytest.approx([0.45, 0.98], abs=0.08)
