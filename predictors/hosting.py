"""What whoever asks for rates needs of a host, wherever that is. Importing it imports no torch."""

from dataclasses import dataclass
from typing import Protocol

from promopilot.predictors.dataset import Rows
from promopilot.predictors.prediction import Prediction
from promopilot.predictors.readable import Readability
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.uncertainty import StageSpread


@dataclass(frozen=True)
class Measures:
    """What a host has done so far."""

    requests: int = 0
    rows: int = 0
    texts: int = 0  # distinct ones of each request, summed
    encoded: int = 0  # texts that went through the encoder
    batches: int = 0  # times that the encoder was called
    largest_batch: int = 0  # requests that shared one such call, at most

    @property
    def hits(self) -> int:
        """Texts that were known, or that another request brought at the same time."""
        return self.texts - self.encoded

    @property
    def mean_batch(self) -> float:
        """Texts per call of the encoder; 0 where it was not called."""
        return self.encoded / self.batches if self.batches else 0.0


class PredictorHost(Protocol):
    """Rates for whoever asks, from any thread."""

    @property
    def spreads(self) -> tuple[StageSpread, ...]:
        """How far rates may lie from the predicted, one per stage."""
        ...

    @property
    def settings(self) -> PredictorSettings:
        """What it was fitted with; rows for it need its `text_template`."""
        ...

    def predict(self, rows: Rows) -> Prediction:
        """Returns rates and standard errors of rows, in their order."""
        ...

    def readability(self, texts: list[str]) -> Readability:
        """Returns how much of texts its base model can read."""
        ...

    def measures(self) -> Measures:
        """Returns what the host has done so far."""
        ...

    def close(self) -> None:
        """Gives the host's memory back; requests under way are answered, later ones refused."""
        ...
