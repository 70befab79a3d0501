"""What a conversion is worth: the best known number of each promotion, and where it comes from."""

import numpy as np
import pandas as pd

from promopilot.experiments.config import AssumptionsConfig
from promopilot.experiments.economics import economics

NO_HISTORY = pd.DataFrame(
    {"promotion_id": ["a"], "conversions": [np.nan], "conversion_value": [np.nan]}
)


def test_each_promotion_has_the_best_number_there_is_and_the_source_names_all_that_are_used() -> (
    None
):
    promotions = pd.DataFrame(
        {
            "promotion_id": ["given", "paid", "unknown"],
            "discount": [0.0, 0.5, 0.0],
            "price": [20.0, np.nan, np.nan],
        }
    )
    history = pd.DataFrame(
        {"promotion_id": ["paid"], "conversions": [4], "conversion_value": [12.0]}
    )
    found = economics(promotions, history, AssumptionsConfig(price=7.0), {})
    np.testing.assert_allclose(found.price, [20.0, 6.0, 7.0])
    assert found.sources["price"] == (
        "data; estimate: value per conversion observed before the flight / (1 - discount) where "
        "missing; assumption: 7 (config, assumptions.price) where missing"
    )
    np.testing.assert_allclose(found.conversion_value, [20.0, 3.0, 7.0])
    np.testing.assert_allclose(found.unit_subsidy, [0.0, 3.0, 0.0])
    assert np.isinf(found.stock).all()
    assert found.sources["stock"] == "assumption: unlimited"


def test_what_is_never_used_is_not_named() -> None:
    promotions = pd.DataFrame({"promotion_id": ["a"], "price": [5.0], "stock": [3.0]})
    sources = {"promotions.price": "estimate: the export's own"}
    found = economics(promotions, NO_HISTORY, AssumptionsConfig(margin=0.2), sources)
    assert found.sources["price"] == "estimate: the export's own"
    assert found.sources["stock"] == "data"
    assert found.sources["margin"] == "assumption: 0.2 (config, assumptions.margin)"
    assert found.margin.tolist() == [0.2]
    assert found.stock.tolist() == [3.0]
