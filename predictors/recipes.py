"""How a fit learns where the settings leave it open: one recipe for each kind of text.

Texts that run for weeks gather thousands of events each: what they bring is learnt, not guessed, by
long training of the head, and the encoder's top layers add little. Texts of randomised tests come
once, with a hundred events each: what is trained for long learns them by heart. A penalised
regression on all layers, which keep wording, is most of what can be learnt there; the encoder then
goes a little way from where it was. The figures were chosen on held-out parts of the packaged
retail panel (weeks 36 to 45) and of the Upworthy archive's training stories.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from numpy.typing import NDArray

from promopilot.predictors.dataset import Masks, Rows
from promopilot.predictors.settings import PredictorSettings

Mode = Literal["frozen", "top_k", "full", "lora"]


@dataclass(frozen=True)
class Recipe:
    """Values of the settings of the same names."""

    mode: Mode
    text_layers: Literal["last", "every"]
    linear_start: bool
    head_epochs: int
    head_learning_rate: float
    epochs: int
    encoder_learning_rate: float
    second_phase_share: float
    tuned_share: float
    averaging: float
    dropout: float
    weight_decay: float


REPEATED = Recipe(
    mode="top_k",
    text_layers="last",
    linear_start=False,
    head_epochs=40,
    head_learning_rate=3e-3,
    epochs=10,
    # 2e-5 to 5e-5 is what the BERT paper (Devlin 2019) tried, for the whole encoder.
    encoder_learning_rate=2e-5,
    second_phase_share=0.05,
    tuned_share=1.0,
    averaging=0.95,
    dropout=0.1,
    weight_decay=0.01,
)
TESTED = Recipe(
    mode="full",
    text_layers="every",
    linear_start=True,
    head_epochs=1,
    head_learning_rate=1e-4,
    epochs=2,
    encoder_learning_rate=1e-4,
    second_phase_share=0.2,
    tuned_share=0.5,
    averaging=0.99,
    dropout=0.2,
    weight_decay=0.1,
)


def recipe_for(settings: PredictorSettings, train: Rows) -> Recipe:
    """Returns what the settings say, and where they leave it open what suits `train`.

    TESTED where most of its impressions are those of randomised tests, else REPEATED.
    """
    tests = train.promotions.test_id
    is_tested = tests is not None and mostly_tested(
        (tests != "")[train.promotion], train.impressions
    )
    suited = TESTED if is_tested else REPEATED
    told = {name: getattr(settings, name) for name in asdict(suited)}
    return replace(suited, **{name: value for name, value in told.items() if value is not None})


def mostly_tested(is_tested: Masks, impressions: NDArray[Any]) -> bool:
    """Whether at least half of the impressions [R] are those of randomised tests."""
    return bool(2 * impressions[is_tested].sum() >= max(impressions.sum(), 1))
