"""The typed config of a run: every default, its unit and where it comes from; YAML overrides it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from promopilot.agents.dqn_settings import DqnSettings
from promopilot.agents.settings import PpoSettings
from promopilot.envs.settings import MarketSettings
from promopilot.experiments.cluster.settings import RaySettings
from promopilot.experiments.config_errors import explain
from promopilot.experiments.config_yaml import (
    read_override,
    read_yaml,
    to_json,
    to_yaml,
    yaml_text,
)
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.ope.settings import OpeSettings
from promopilot.experiments.sources.complete_journey_settings import CompleteJourneySettings
from promopilot.experiments.sources.synthetic.settings import SyntheticSettings
from promopilot.experiments.tuning.settings import TuneSettings
from promopilot.predictors.base_model import is_hub_name
from promopilot.predictors.settings import PredictorSettings


class Section(BaseModel):
    """A part of the config: frozen, and an unknown key or a number that is not one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataConfig(Section):
    """Where the tables come from: a folder of your own, or one that is built."""

    folder: Path | None = None  # of the tables; a relative path starts at this file
    # Or build them: from an installed package, or of a made-up shop whose truth is known.
    build: Literal["complete-journey", "synthetic"] | None = None
    complete_journey: CompleteJourneySettings = CompleteJourneySettings()  # how they are built
    synthetic: SyntheticSettings = SyntheticSettings()  # what is made up


class FlightConfig(Section):
    """The dates that the plan covers."""

    start: date | None = None  # first day; null: the day after the last day of `performance`
    days: int = Field(default=28, ge=1, le=366)  # four weeks, so that all weekdays count 4 times
    # Days before it that give promotions, supply and current mix (28 days, and a week for what is
    # still coming in).
    history_days: int = Field(default=35, ge=1, le=3660)
    # Promotions at most, new ones first, then those shown most before the flight; null: all.
    max_promotions: int | None = Field(default=None, ge=1)


class SplitConfig(Section):
    """Which rows before the flight fit the predictor, and which choose its settings."""

    # time: later days choose. group: other stories or product types (`group_id`) choose, on all
    # days. auto: group where most impressions are those of randomised tests (`test_id`), else time.
    by: Literal["auto", "time", "group"] = "auto"
    # By group: the share of them that chooses, and, in `predictor fit` alone, the share that only
    # the scores see. Small, because what is held out teaches nothing.
    choose_share: float = Field(default=0.05, gt=0, lt=0.5)
    test_share: float = Field(default=0.05, ge=0, lt=0.5)
    fit_from: date | None = None  # first day used; null: the first day of `performance`
    choose_from: date | None = None  # rows from here to the flight choose; null: the last eighth


class BudgetConfig(Section):
    """The media budget, in `currency`."""

    # For the flight; null: what the current mix spends, and discounts where `covers` says so.
    total: float | None = Field(default=None, gt=0)
    per_day_max: float | None = Field(default=None, gt=0)  # on any one day; null: no such limit
    # on any one promotion x placement x segment and day
    per_line_item_max: float | None = Field(default=None, gt=0)
    # media spend alone, or spend_and_subsidy: the discounts of redeemed conversions too
    covers: Literal["spend", "spend_and_subsidy"] = "spend"
    # Where it covers discounts and is used up: redemption closes, or the overrun is booked.
    overrun: Literal["close", "book"] = "close"


class LimitsConfig(Section):
    """What a plan must keep to, beside the budget; policies are trained and compared under it."""

    file: Path | None = None  # a relative path starts at this file; null: no limits


class AssumptionsConfig(Section):
    """What holds where the tables say nothing; the report marks each use as an assumption.

    None of these defaults has a source in your data: replace those that your report rests on.
    """

    # Money per 1000 impressions, by placement id; "*" is for every placement not named.
    cpm: dict[str, Annotated[float, Field(gt=0)]] = Field(default={"*": 5.0})
    # Daily supply of a pool as a multiple of the impressions it had; 1 leaves no room to grow.
    supply_headroom: float = Field(default=1.5, ge=1)
    reach_share: float = Field(default=1.0, gt=0, le=1)  # of a pool's supply for one line item
    margin: float = Field(default=0.3, ge=0, le=1)  # share of the price before discount
    price: float = Field(default=10.0, gt=0)  # money per unit before discount
    discount: float = Field(default=0.0, ge=0, le=1)  # share of the price
    # Share of the discount that you bear; the rest is paid by the brand (trade funding).
    unit_subsidy_share: float = Field(default=1.0, ge=0, le=1)
    segment_size: float = Field(default=100_000.0, gt=0)  # people
    panel_projection: float = Field(default=1.0, gt=0)  # people in the business per panel member
    incrementality: float = Field(default=1.0, ge=0, le=1)  # 1: attributed, not incremental


class SimulateConfig(Section):
    """How many flights policies are compared on."""

    # To choose among trained policies; a paired difference of 1 % shows on about a hundred.
    flights_validation: int = Field(default=128, ge=2, le=100_000)
    flights_test: int = Field(default=512, ge=2, le=100_000)  # to report, once
    # Of these, how many are played again in each market that is not as believed.
    flights_stress: int = Field(default=128, ge=2, le=100_000)
    # At most, of each kind, for policies that look ahead: a decision takes them longer.
    flights_lookahead: int = Field(default=64, ge=2, le=100_000)


class AttributionConfig(Section):
    """How conversions are credited to the day of the impression, as your platform counts them."""

    # Days after which a conversion no longer counts: 30 by default in Google Ads, 7 in Meta's.
    # `data check` warns of days younger than that.
    window_days: int = Field(default=30, ge=1, le=365)


class BacktestConfig(Section):
    """The market against the last weeks before the flight, fitted on what was known before them."""

    days: int = Field(default=28, ge=0, le=366)  # as long as the usual flight; 0: no backtest
    flights: int = Field(default=256, ge=20, le=10_000)  # for intervals of 80 %


class AgentsConfig(Section):
    """The policies that are trained."""

    # Which a run trains, beside the re-planner's few constants. dqn chooses among presets.
    trained: tuple[Literal["ppo", "dqn"], ...] = ("ppo",)
    # Training flights that the re-planner's constants are tuned on.
    tuning_flights: int = Field(default=64, ge=1)
    ppo: PpoSettings = PpoSettings()
    dqn: DqnSettings = DqnSettings()


class ReportConfig(Section):
    """The page that a run ends with."""

    language: Literal["en", "zh"] = "en"  # English or Chinese; columns of files stay English


class RunConfig(Section):
    """Everything that decides a run; the same config and version give the same plan."""

    seed: int = Field(default=0, ge=0, lt=2**32)  # of everything drawn at random
    data: DataConfig = DataConfig()
    flight: FlightConfig = FlightConfig()
    split: SplitConfig = SplitConfig()
    budget: BudgetConfig = BudgetConfig()
    limits: LimitsConfig = LimitsConfig()
    # What the plan maximises: net_profit (after media), profit (before), revenue or conversions.
    objective: Literal["net_profit", "profit", "revenue", "conversions"] = "net_profit"
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")  # ISO 4217; one for all money
    assumptions: AssumptionsConfig = AssumptionsConfig()
    attribution: AttributionConfig = AttributionConfig()
    market: MarketSettings = MarketSettings()
    backtest: BacktestConfig = BacktestConfig()
    predictor: PredictorSettings = PredictorSettings()
    agents: AgentsConfig = AgentsConfig()
    ope: OpeSettings = OpeSettings()
    simulate: SimulateConfig = SimulateConfig()
    report: ReportConfig = ReportConfig()
    ray: RaySettings = RaySettings()
    tune: TuneSettings = TuneSettings()


def load_config(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Reads a YAML file over the defaults, then `overrides` such as "budget.total=5000".

    A relative path in it (`data.folder`, `limits.file`, `predictor.base_model`) starts at the
    file's folder, or at the working directory where an override gives it, and is made absolute. A
    base model "a/b" that is no folder there is a name on the hub and stays as it is.

    Raises:
        ConfigError: No such file, not YAML, an unknown key, a value of a wrong type or range.
    """
    text = yaml_text(path, "config")
    tree = read_yaml(text, str(path))
    _anchor_folders(tree, path.parent)
    return make_config(tree, overrides, str(path))


def make_config(
    tree: dict[str, Any], overrides: Sequence[str] = (), source: str = "the config"
) -> RunConfig:
    """Checks a nested mapping, with `overrides` put over it, and fills in the defaults.

    Raises:
        ConfigError: As `load_config`; `source` is the file that the message names.
    """
    given: dict[tuple[str, ...], str] = {}
    for override in overrides:
        keys, value = read_override(override)
        to_json({".".join(keys): value}, "--set")
        _put(tree, keys, value, override)
        given[tuple(keys)] = f"--set {override}"
    _anchor_folders(tree, Path.cwd())
    try:
        return RunConfig.model_validate_json(to_json(tree, source), strict=True)
    except ValidationError as error:
        raise ConfigError(explain(error, RunConfig, source, given)) from error


def require_data(config: RunConfig) -> None:
    """Checks that the config names exactly one source of tables.

    Raises:
        ConfigError: It names none or two, or a folder that does not exist.
    """
    if config.data.folder is None and config.data.build is None:
        raise ConfigError(
            "no data: set `$.data.folder` to a folder of tables (`promopilot init` writes an "
            "example), or `$.data.build` to `complete-journey` or `synthetic`"
        )
    if config.data.folder is not None and config.data.build is not None:
        raise ConfigError("`$.data.folder` and `$.data.build` are both set: make one of them null")
    if config.data.folder is not None and not config.data.folder.is_dir():
        raise ConfigError(f"`$.data.folder` is {config.data.folder}, which is not a folder")


def check_budget(value: float, name: str = "the budget") -> float:
    """Returns a budget given outside the config, by the config's rule.

    Raises:
        ConfigError: It is not a positive, finite number.
    """
    if not 0 < value < float("inf"):  # false for NaN
        raise ConfigError(f"{name} is {value:g}: it must be a finite number greater than 0")
    return value


def dump_config(config: RunConfig, folder: Path) -> str:
    """The whole config as YAML, defaults included, for a file in `folder`.

    Folders are written relative to `folder`, so that both can be moved together.
    """
    tree = config.model_dump(mode="json")
    for section, key in _FOLDERS:
        if tree[section][key] is not None and Path(tree[section][key]).is_absolute():
            relative = os.path.relpath(Path(tree[section][key]).resolve(), folder.resolve())
            tree[section][key] = Path(relative).as_posix()
    return to_yaml(tree)


def first_difference(before: RunConfig, now: RunConfig) -> tuple[str, object, object] | None:
    """The first key, in the config's order, whose values differ: (path, before, now).

    `ray`, which says where the work is done, changes nothing of what comes of it.
    """
    old, new = (
        dict(_leaves(config.model_dump(mode="json", exclude={"ray"}), "$"))
        for config in (before, now)
    )
    for key in [*new, *(k for k in old if k not in new)]:
        if old.get(key, _ABSENT) != new.get(key, _ABSENT):
            return key, old.get(key, _ABSENT), new.get(key, _ABSENT)
    return None


_ABSENT = "absent"
# Keys that name a folder or file.
_FOLDERS = (
    *(("data", "folder"), ("predictor", "base_model"), ("limits", "file")),
    *(("ope", "predictor"), ("ope", "data"), ("tune", "run")),
)


def _leaves(tree: object, path: str) -> list[tuple[str, object]]:
    if isinstance(tree, dict):
        return [leaf for key, value in tree.items() for leaf in _leaves(value, f"{path}.{key}")]
    return [(path, tree)]


def _anchor_folders(tree: dict[str, Any], base: Path) -> None:
    for section, key in _FOLDERS:
        part = tree.get(section)
        if isinstance(part, dict) and isinstance(part.get(key), str):
            folder = (base / Path(part[key]).expanduser()).resolve()
            if folder.is_dir() or key != "base_model" or not is_hub_name(part[key]):
                part[key] = str(folder)


def _put(tree: dict[str, Any], keys: list[str], value: object, override: str) -> None:
    for depth, key in enumerate(keys[:-1]):
        below = tree.setdefault(key, {})
        if below is None:
            below = tree[key] = {}
        if not isinstance(below, dict):
            path = ".".join(["$", *keys[: depth + 1]])
            raise ConfigError(f"--set {override}: `{path}` is {below!r}, which has no keys")
        tree = below
    tree[keys[-1]] = value
