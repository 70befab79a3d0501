"""How rows become what the network learns from: cells, with their texts as word pieces."""

from dataclasses import dataclass
from typing import Any

import torch

from promopilot.predictors.calendar import Calendar
from promopilot.predictors.cells import Cells
from promopilot.predictors.counts import StageCounts
from promopilot.predictors.dataset import Rows
from promopilot.predictors.encoder import tokenize
from promopilot.predictors.objective import Part
from promopilot.predictors.settings import PredictorSettings
from promopilot.predictors.vocabulary import Vocabulary


@dataclass(frozen=True)
class Reader:
    """What is fixed before a network learns."""

    tokenizer: Any  # a transformers tokenizer
    vocabulary: Vocabulary
    calendar: Calendar
    settings: PredictorSettings
    device: torch.device

    def part(self, rows: Rows) -> Part:
        """Returns the cells of rows, each counted as its rows' weights say."""
        counts = StageCounts.of(rows, self.settings.entire_space)
        cells = Cells.of(rows, counts, self.calendar.offset(rows))
        features = self.vocabulary.features(cells.rows, cells.offset)
        tokens = tokenize(self.tokenizer, features.texts, self.settings.max_tokens, self.device)
        return Part.of(cells, features, tokens, self.settings, self.device)
