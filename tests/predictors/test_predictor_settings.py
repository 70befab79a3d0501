import subprocess
import sys

import pytest
from pydantic import ValidationError

from promopilot.predictors.settings import PredictorSettings


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("head_epochs", 0),
        ("trainable_layers", -1),
        ("dropout", 1.0),
        ("group_dropout", 1.1),
        ("sd_floor", 0.0),
        ("recency_half_life_days", 0),
        ("device", "tpu"),
        ("epoch", 3),
    ],
)
def test_values_out_of_range_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        PredictorSettings.model_validate({field: value})


def test_reading_settings_imports_no_torch() -> None:
    code = (
        "import sys, promopilot.predictors, promopilot.predictors.settings as s\n"
        "import promopilot.predictors.packaged, promopilot.predictors.errors\n"
        "s.PredictorSettings()\n"
        "print(sorted({'torch', 'transformers', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_public_names_are_there_whatever_was_imported_first() -> None:
    """And whoever only predicts waits for no scikit-learn."""
    code = (
        "import sys, promopilot.predictors.evaluation, promopilot.predictors.training\n"
        "from promopilot import predictors\n"
        "print(all(callable(getattr(predictors, name)) for name in predictors.__all__))\n"
        "print(hasattr(predictors, 'nothing'), 'sklearn' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "True\nFalse False\n"
