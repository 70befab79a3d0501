"""Text to rates: a BERT funnel over aggregated counts, its uncertainty, baselines and scores.

The public names below load on first use, so that reading settings does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promopilot.predictors.dataset import Rows, line_item_rows, rows_from_tables
    from promopilot.predictors.evaluation import evaluate
    from promopilot.predictors.host import open_host
    from promopilot.predictors.hosting import PredictorHost
    from promopilot.predictors.prediction import Prediction
    from promopilot.predictors.predictor import Predictor
    from promopilot.predictors.ray_host.settings import HostSettings
    from promopilot.predictors.ray_host.start import open_ray_host
    from promopilot.predictors.settings import PredictorSettings
    from promopilot.predictors.training import fit

_HOME = {
    "HostSettings": "ray_host.settings",
    "PredictorSettings": "settings",
    "Prediction": "prediction",
    "Predictor": "predictor",
    "PredictorHost": "hosting",
    "Rows": "dataset",
    "evaluate": "evaluation",
    "fit": "training",
    "line_item_rows": "dataset",
    "open_host": "host",
    "open_ray_host": "ray_host.start",
    "rows_from_tables": "dataset",
}

__all__ = [
    "HostSettings",
    "Prediction",
    "Predictor",
    "PredictorHost",
    "PredictorSettings",
    "Rows",
    "evaluate",
    "fit",
    "line_item_rows",
    "open_host",
    "open_ray_host",
    "rows_from_tables",
]


def __getattr__(name: str) -> object:
    """Imports a public name from its module when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
