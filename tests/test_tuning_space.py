"""Search spaces: what is read, and what is refused with the path of what is wrong."""

from typing import Any

import pytest

from promopilot.experiments.config import make_config
from promopilot.experiments.errors import ConfigError
from promopilot.experiments.tuning.space import Domain, read_space, with_values


def ppo(**settings: Any) -> dict[str, Any]:
    return {"agents": {"ppo": settings}}


def test_domains_are_read_in_the_order_of_the_file() -> None:
    space = ppo(
        learning_rate={"loguniform": [1e-5, 1e-3]},
        epochs={"int": [1, 4]},
        network={"choice": ["equivariant", "mlp"]},
    )
    assert read_space(make_config({"tune": {"space": space}}), "x.yaml") == (
        Domain("agents.ppo.learning_rate", "loguniform", (1e-5, 1e-3)),
        Domain("agents.ppo.epochs", "int", (1, 4)),
        Domain("agents.ppo.network", "choice", ("equivariant", "mlp")),
    )


WRONG: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, "`$.tune.space` is empty"),
    ({"agents": 3}, {}, "`$.tune.space.agents` is 3"),
    (ppo(learning_rat={"uniform": [1, 2]}), {}, "ppo.learning_rat`; did you mean `learning_rate`"),
    (ppo(learning_rate={"logunifrm": [1, 2]}), {}, "logunifrm`; did you mean `loguniform`"),
    (ppo(learning_rate=0.1), {}, "`$.tune.space.agents.ppo.learning_rate` is 0.1"),
    (ppo(learning_rate={"loguniform": [0, 1]}), {}, "is [0, 1]: it must be above 0"),
    (ppo(learning_rate={"loguniform": ["a", 1]}), {}, "it must be two numbers"),
    (ppo(learning_rate={"uniform": [2, 1]}), {}, "the first less than the second"),
    (ppo(learning_rate={"uniform": [1]}), {}, "it must be two numbers"),
    (ppo(network={"choice": []}), {}, "it must be a list of values"),
    (ppo(network={"choice": ["mlp", "mlp"]}), {}, "different"),
    (ppo(network={"choice": ["mlp", "deep"]}), {}, "`$.agents.ppo.network` is 'deep'"),
    (ppo(epochs={"int": [1.5, 4]}), {}, "two whole numbers"),
    (ppo(epochs={"uniform": [1, 4]}), {}, "Expected `int`, got `float`"),
    (ppo(gae_lambda={"uniform": [0, 2]}), {}, "uniform` reaches too far"),
    ({"budget": {"total": {"uniform": [1, 2]}}}, {}, "`$.tune.space.budget.total` is no setting"),
    (ppo(steps={"int": [1, 2]}), {}, "compared after the same steps"),
    (ppo(hidden={"int": [4, 8]}), {"scheduler": "pbt"}, "cannot change while a network learns"),
    (ppo(hidden={"int": [4, 8]}), {"search": "grid"}, "a grid has values"),
]


@pytest.mark.parametrize(("space", "given", "message"), WRONG)
def test_a_wrong_space_is_refused_with_its_path(
    space: dict[str, Any], given: dict[str, Any], message: str
) -> None:
    config = make_config({"tune": {"space": space, **given}})
    with pytest.raises(ConfigError) as raised:
        read_space(config, "x.yaml")
    assert message in str(raised.value)
    assert str(raised.value).startswith("x.yaml: ")


def test_values_go_to_their_paths() -> None:
    values = {"agents.ppo.learning_rate": 0.5, "agents.ppo.network": "mlp"}
    config = with_values(make_config({"seed": 3}), values)
    assert (config.seed, config.agents.ppo.learning_rate) == (3, 0.5)
    assert config.agents.ppo.network == "mlp"
