"""The config: defaults, YAML over them, `--set` over that, and one clear sentence for a mistake."""

from datetime import date
from pathlib import Path

import pytest

from promopilot.experiments.config import (
    RunConfig,
    check_budget,
    dump_config,
    first_difference,
    load_config,
    make_config,
    require_data,
)
from promopilot.experiments.config_comments import commented_yaml, comments_of
from promopilot.experiments.config_yaml import read_yaml
from promopilot.experiments.errors import ConfigError

CONFIGS = Path(__file__).parent.parent / "configs"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seed=abc", "Expected `int`, got `str` - at `$.seed` (the value is 'abc')"),
        ("seed='5'", "Expected `int`, got `str` - at `$.seed`"),
        ("seed=1.5", "Expected `int`, got `float` - at `$.seed`"),
        ("seed=true", "Expected `int`, got `bool` - at `$.seed`"),
        ("seed=-1", "`$.seed` is -1: it must be greater than or equal to 0"),
        ("seed={a: 1}", "Expected `int`, got `object` - at `$.seed`"),
        ("budget=3", "Expected `object`, got `int` - at `$.budget`"),
        (
            "agents.ppo.learning_rat=1",
            "unknown key `$.agents.ppo.learning_rat`; did you mean `learning_r",
        ),
        ("agent.steps=1", "unknown key `$.agent`; did you mean `agents`?"),
        ("budget.totl=3", "unknown key `$.budget.totl`; did you mean `total`?"),
        ("flight.zzz=1", "unknown key `$.flight.zzz`; valid here: start, days, history_days"),
        ("budget.total=0", "`$.budget.total` is 0: it must be greater than 0"),
        ("budget.total=-5", "`$.budget.total` is -5: it must be greater than 0"),
        ("budget.total=.nan", "`$.budget.total` in --set is nan: it must be a finite number"),
        ("budget.total=.inf", "`$.budget.total` in --set is inf: it must be a finite number"),
        ("budget.total=a lot", "Expected `float | null`, got `str` - at `$.budget.total`"),
        ("flight.start=2017-13-01", "`$.flight.start` is '2017-13-01': it must be a valid date"),
        ("flight.start=5", "Expected `date | null`, got `int` - at `$.flight.start`"),
        ("flight.days=0", "`$.flight.days` is 0: it must be greater than or equal to 1"),
        ("objective=profits", "`$.objective` is 'profits': it must be 'net_profit', 'profit'"),
        ("currency=euro", "`$.currency` is 'euro': it must match pattern"),
        ("assumptions.cpm.email=free", "Expected `float`, got `str` - at `$.assumptions.cpm.ema"),
        ("assumptions.cpm.email=0", "`$.assumptions.cpm.email` is 0: it must be greater than 0"),
        ("data.build=journey", "`$.data.build` is 'journey': it must be 'complete-journey'"),
        ("seed", "--set seed: write it as a.b=value"),
        ("=5", "--set =5: write it as a.b=value"),
        ("seed=[1", "--set seed=[1, line 1, column"),
    ],
)
def test_a_wrong_value_is_named_with_its_path_and_the_rule(override: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        make_config({}, [override], "--set")
    assert said in str(error.value)


def test_an_unknown_key_is_said_before_other_problems_and_those_are_counted() -> None:
    with pytest.raises(ConfigError, match=r"unknown key `\$\.sed`.*\(and 1 more\)"):
        make_config({"seed": "x", "sed": 1})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", "config.yaml, line 2, column 1: the key 'a' is given twice"),
        ("- 1\n", "config.yaml is not a mapping of keys to values but array"),
        ("a: [1\n", "config.yaml, line 2, column 1"),
        ("? [1]\n: 2\n", "config.yaml, line 1, column 3: a key must be plain text"),
        ("!!python/object:os.system {}\n", "could not determine a constructor"),
    ],
)
def test_yaml_that_cannot_be_a_config_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_yaml(text, "config.yaml")
    assert said in str(error.value)


def test_yaml_reads_what_people_mean() -> None:
    tree = read_yaml("a: 1e-3\nb: no\nc: 2017-11-06\nd: true\n1e3: x\n017: y\n", "t")
    assert tree == {"a": 1e-3, "b": "no", "c": "2017-11-06", "d": True, "1e3": "x", "017": "y"}
    assert read_yaml("", "t") == {}


@pytest.mark.parametrize("name", ["demo", "example"])
def test_packaged_recipes_are_valid(name: str) -> None:
    config = load_config(CONFIGS / f"{name}.yaml")
    assert config != RunConfig()


def test_the_demo_splits_the_panel_as_the_report_says() -> None:
    config = load_config(CONFIGS / "demo.yaml")
    assert config.data.build == "complete-journey"
    assert (config.flight.start, config.flight.days) == (date(2017, 11, 6), 28)
    assert config.split.choose_from == date(2017, 10, 2)


def test_overrides_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("seed: 3\nbudget:\n  total: 100\n")
    config = load_config(path, ["budget.total=5e3"])
    assert (config.seed, config.budget.total, config.flight.days) == (3, 5000.0, 28)


def test_a_resolved_config_reads_back_as_itself(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    overrides = ["seed=7", "flight.start=2025-02-03", 'assumptions.cpm={"1e3": 2, "no": 3, "*": 1}']
    config = make_config({"data": {"folder": str(tmp_path / "data")}}, overrides)
    path = tmp_path / "run" / "config.yaml"
    path.write_text(dump_config(config, path.parent))
    assert load_config(path) == config
    assert "folder: ../data" in path.read_text()  # both can be moved together


def test_a_relative_data_folder_starts_at_the_config_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "config.yaml").write_text("data: {folder: tables}\n")
    monkeypatch.chdir(tmp_path)
    given = load_config(tmp_path / "shop" / "config.yaml").data.folder
    assert given == (tmp_path / "shop" / "tables").resolve()
    override = load_config(tmp_path / "shop" / "config.yaml", ["data.folder=tables"]).data.folder
    assert override == (tmp_path / "tables").resolve()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "no data: set `$.data.folder`"),
        ({"folder": "x", "build": "complete-journey"}, "are both set: make one of them null"),
        ({"folder": "nowhere"}, "which is not a folder"),
    ],
)
def test_a_run_needs_exactly_one_source_of_data(data: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        require_data(make_config({"data": data}))
    assert said in str(error.value)


@pytest.mark.parametrize(("value", "shown"), [(0.0, "0"), (-3.0, "-3"), (float("nan"), "nan")])
def test_a_budget_from_the_command_line_has_the_same_rule(value: float, shown: str) -> None:
    with pytest.raises(ConfigError, match=f"--budget is {shown}: it must be a finite number"):
        check_budget(value, "--budget")


def test_the_first_key_that_differs_is_found() -> None:
    before, now = make_config({}), make_config({}, ["seed=1", "budget.total=3"])
    assert first_difference(before, now) == ("$.seed", 0, 1)
    assert first_difference(before, make_config({}, ["assumptions.cpm={a: 1}"])) == (
        *("$.assumptions.cpm.a", "absent"),
        1.0,
    )
    assert first_difference(now, now) is None


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the config .*no such file"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "utf16.yaml").write_bytes("seed: 1".encode("utf-16"))
    with pytest.raises(ConfigError, match=r"is not UTF-8 text \(byte 0\)"):
        load_config(tmp_path / "utf16.yaml")


def test_every_key_of_the_commented_config_has_the_comment_of_its_source(tmp_path: Path) -> None:
    text = commented_yaml(RunConfig())
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert load_config(path) == RunConfig()
    assert "  price: 10.0  # money per unit before discount\n" in text
    described = comments_of(type(RunConfig().budget))
    assert set(described) == {"total", "per_day_max", "per_line_item_max", "covers", "overrun"}
    assert all(described.values())


def test_a_name_of_the_hub_is_no_folder_unless_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("predictor: {base_model: owner/bert}\n")
    assert str(load_config(path).predictor.base_model) == "owner/bert"
    assert "base_model: owner/bert\n" in dump_config(load_config(path), tmp_path / "run")
    (tmp_path / "owner" / "bert").mkdir(parents=True)
    assert str(load_config(path).predictor.base_model) == str(tmp_path / "owner" / "bert")
    assert "base_model: ../owner/bert\n" in dump_config(load_config(path), tmp_path / "run")
    path.write_text("predictor: {base_model: models/bert/v1}\n")  # no hub has such a name
    assert str(load_config(path).predictor.base_model) == str(tmp_path / "models/bert/v1")


def test_a_template_that_is_none_is_refused_with_its_path() -> None:
    with pytest.raises(
        ConfigError, match=r"`\$\.predictor\.text_template` is .* it holds \{text\["
    ):
        make_config({"predictor": {"text_template": "{text[0]}"}})


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("budget.totl=5", "--set budget.totl=5: unknown key `$.budget.totl`; did you mean"),
        ("budget.total=-5", "--set budget.total=-5: `$.budget.total` is -5"),
        ("budget={total: x}", "--set budget={total: x}: Expected `float | null`"),
        ("budget.total=.inf", "`$.budget.total` in --set is inf"),
        ("seed=2", "shop.yaml: unknown key `$.flight.dais`"),
    ],
)
def test_a_mistake_is_blamed_on_the_file_or_the_override_that_made_it(
    tmp_path: Path, override: str, said: str
) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(
        "flight: {dais: 3}\n" if override == "seed=2" else "seed: 1\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError) as error:
        load_config(path, [override])
    assert said in str(error.value)
    assert (str(path) in str(error.value)) == (override == "seed=2")
