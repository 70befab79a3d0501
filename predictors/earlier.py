"""An earlier model that a fit goes on from: what it is, and which settings go on with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from promopilot.predictors.artifact import load_predictor
from promopilot.predictors.artifact_record import ENCODER, read_record
from promopilot.predictors.base_model import describe, resolve
from promopilot.predictors.dataset import Masks, Rows
from promopilot.predictors.errors import ContinuationError
from promopilot.predictors.held_out import is_used
from promopilot.predictors.predictor import Predictor
from promopilot.predictors.settings import PredictorSettings

# What fixes the network's tensors and what they were taught to read.
_SHAPING = ("text_template", "max_tokens", "text_layers", "text_width", "hidden_width")
# The machine's own matter: never taken from the earlier fit.
_OF_MACHINE = ("device", "precision")


@dataclass(frozen=True)
class Earlier:
    """A fitted predictor and where it came from."""

    predictor: Predictor
    seal: str  # of its predictor.json
    written_by: str  # version of promopilot
    encoder: Path  # folder with the config and tokenizer of its encoder

    @classmethod
    def load(cls, folder: Path, asked: PredictorSettings) -> "Earlier":
        """Reads the folder of a fitted predictor.

        Args:
            folder: that `fit` or `continue_fit` wrote.
            asked: `device` says where it is to run.

        Raises:
            ArtifactError: a file is missing, altered or unreadable, or there is no such device.
        """
        record = read_record(folder)
        predictor = load_predictor(folder, asked.device)
        return cls(predictor, str(record["seal"]), str(record["promopilot"]), folder / ENCODER)

    def settings(self, asked: PredictorSettings) -> PredictorSettings:
        """Returns the earlier model's settings with those that were asked for by name over them.

        Raises:
            ContinuationError: one that shapes the network, or the base model, is another.
            ArtifactError: the base model that was asked for is not there.
        """
        own = self.predictor.settings
        told = {
            name: value
            for name in asked.model_fields_set
            if (value := getattr(asked, name)) is not None and name != "base_model"
        }
        for name in _SHAPING:
            if told.get(name, getattr(own, name)) != getattr(own, name):
                raise ContinuationError(
                    f"predictor.{name} is {told[name]!r}, but the earlier model was fitted with "
                    f"{getattr(own, name)!r}: leave the key out, or fit without --from."
                )
        if asked.base_model is not None:
            self._check_base_model(asked.base_model)
        return own.model_copy(update=told | {name: getattr(asked, name) for name in _OF_MACHINE})

    def is_new(self, rows: Rows) -> Masks:
        """Returns the rows [R] that the earlier model neither learnt from nor was judged on.

        Raises:
            ContinuationError: there is none, or nothing says that these are the model's own tables.
        """
        stages = self.predictor.stages
        if rows.stages != stages:
            raise ContinuationError(
                f"performance records {' and '.join(rows.stages)}, but the earlier model predicts "
                f"{' and '.join(stages)}: give the same columns, or fit without --from."
            )
        is_new = ~is_used(rows, self.predictor.record)
        if not is_new.any():
            split: Mapping[str, Any] = self.predictor.record["split"]
            seen = (
                f"all days up to {np.datetime64(int(split['learned_until']), 'D')}"
                if split["by"] == "time"
                else "all these groups of promotions"
            )
            raise ContinuationError(
                f"There is nothing new: the earlier model has seen {seen}. Give it later rows."
            )
        return np.asarray(is_new)

    def _check_base_model(self, asked: Path | str) -> None:
        own = self.predictor.record["base_model"]
        found = describe(asked, resolve(asked))
        if found["digests"] != own["digests"]:
            raise ContinuationError(
                f"predictor.base_model is {str(asked)!r}, but the earlier model was fitted from "
                f"{own['name']!r} with other weights: leave the key out, or fit without --from."
            )
