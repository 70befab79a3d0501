"""What can be set about the predictor. Importing this module imports no torch."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from promopilot.predictors.template import parts_of


class PredictorSettings(BaseModel):
    """Typed defaults of the predictor; every range is checked, an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # --- Text
    # A local folder (config.json, tokenizer.json, model.safetensors) or a hub name ("org/model") of
    # a BERT, RoBERTa or XLM-R. None: the MiniLM that the extra `demo` packages. It reads English
    # only; other languages need their own.
    base_model: Path | str | None = None
    # What the encoder reads of a promotion; names in braces are columns of `promotions`.
    text_template: str = Field(default="{text}", min_length=1, max_length=1000)
    # Word pieces kept per text; offers are short, and the cost of attention grows with it.
    max_tokens: int = Field(default=64, ge=8, le=512)

    # --- What learns
    # frozen: only the head, on text vectors computed once. top_k: the top `trainable_layers` too.
    # full: all layers and word vectors. lora: low-rank adapters in all layers (Hu et al. 2022).
    # None, here and below: as suits the data, see `recipes`; texts of randomised tests, which come
    # once, are learnt otherwise than offers that run for weeks.
    mode: Literal["frozen", "top_k", "full", "lora"] | None = None
    trainable_layers: int = Field(default=2, ge=1, le=48)  # of mode top_k, counted from the top
    lora_rank: int = Field(default=8, ge=1, le=256)  # of mode lora; 8 is the paper's usual choice
    # What a text's vector is: the mean of the last layer's states, or of each layer's side by side.
    text_layers: Literal["last", "every"] | None = None
    # Whether the linear part is first fitted as a penalised regression, see `linear_start`, with
    # this prior standard deviation of what a text's vector adds to a logit.
    linear_start: bool | None = None
    text_sd: float = Field(default=0.16, gt=0, le=3)
    # Width of the projected text vector, and of the hidden layer that fuses it with the context.
    text_width: int = Field(default=64, ge=1, le=4096)
    hidden_width: int = Field(default=64, ge=1, le=4096)
    # Share of the head's inputs hidden at each step.
    dropout: float | None = Field(default=None, ge=0, lt=1)
    # Share of rows whose group_id is hidden at each step, so that text must carry what it can.
    # 1: the group is never shown, as where none of the choose rows' groups is one of the fit's.
    group_dropout: float = Field(default=0.3, ge=0, le=1)

    # Whether the encoder's own dropout (0.1 in BERT) acts while it learns.
    encoder_dropout: bool = True

    # --- What is learnt from
    # Weeks move all rates: their level, smoothed, is an offset. False: weekdays alone differ.
    time_offset: bool = True
    # Weight of the likelihood inside randomised tests (`test_id`), given each test's total of
    # events: there rows differ by their promotion alone. 0: off; level_sd 0 goes with it, or else
    # tests hardly teach anything.
    rank_loss: float = Field(default=1.0, ge=0, le=100)
    # Standard deviation of a test's level, in logits, for reasons that are not its texts' doing:
    # its total of events says no more of them than that leaves. Upworthy's tests differ by .58; a
    # little more orders better inside tests, and tells levels a little worse.
    level_sd: float = Field(default=0.75, ge=0, le=3)
    # Weight of the entire-space term, the likelihood of conversions per impression (Ma et al.
    # 2018); rows without clicks always have it. 0: the funnel's two stages say it all.
    entire_space: float = Field(default=0.0, ge=0, le=100)
    # Standard deviation of a row's log-odds that nothing known explains: rows with many events
    # count less than their events (Williams 1982). 0: binomial noise alone.
    extra_sd: float = Field(default=0.3, ge=0, le=3)
    # Rows this many days before the last one count half as much in the fit. None: all the same.
    recency_half_life_days: float | None = Field(default=None, gt=0)

    # Where a fit goes on from an earlier model: old texts that are learnt again beside the new, at
    # most. Old texts that are shown in the new rows are always among them; of the others a sample
    # stands for all. 0: nothing old is learnt again, and much of it may be forgotten.
    replay_texts: int = Field(default=2000, ge=0)

    # --- How it learns
    # Passes over the texts with the encoder frozen, at most: only the head learns. Its steps cost
    # little, because text vectors are computed once.
    head_epochs: int | None = Field(default=None, ge=1, le=1000)
    # Passes after that in which the encoder learns too. Of each phase the pass that is best on the
    # choose rows is kept.
    epochs: int | None = Field(default=None, ge=1, le=1000)
    # Passes without a better loss on the choose rows before a phase ends.
    patience: int = Field(default=20, ge=1, le=1000)
    # Distinct texts per step, each with all its rows.
    batch_texts: int = Field(default=32, ge=1, le=4096)
    # Batches whose gradients are added up to one step: large batches on a small device.
    accumulate: int = Field(default=1, ge=1, le=1024)
    # AdamW step of the top encoder layer.
    encoder_learning_rate: float | None = Field(default=None, gt=0, le=1)
    # Each layer below learns this much slower (ULMFiT's discriminative rates, Howard & Ruder 2018).
    layer_decay: float = Field(default=0.8, gt=0, le=1)
    # AdamW step of the head, which starts from nothing and so needs a larger one.
    head_learning_rate: float | None = Field(default=None, gt=0, le=1)
    # Share of that step which the head keeps once the encoder learns too.
    second_phase_share: float | None = Field(default=None, ge=0, le=1)
    # How far the encoder goes from the base model's weights to the tuned ones.
    tuned_share: float | None = Field(default=None, ge=0, le=1)
    # AdamW weight decay of matrices (not of biases and norms).
    weight_decay: float | None = Field(default=None, ge=0, le=10)
    # Share of the steps in which the rates rise from 0; after it they fall linearly to 0.
    warmup_share: float = Field(default=0.1, ge=0, lt=1)
    # What is judged and kept is a running average of the weights; this share of it stays per step.
    # 0: the weights themselves.
    averaging: float | None = Field(default=None, ge=0, lt=1)

    # --- What is made of it
    # Least standard deviation of a logit shift, in logits: a rate is never known better than 5 %.
    sd_floor: float = Field(default=0.05, gt=0, le=5)
    # Where the network runs. auto: CUDA, else Apple's MPS, else the processor.
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    # Arithmetic of training. auto: bf16 where the device has it in hardware, else fp32.
    precision: Literal["auto", "fp32", "bf16"] = "auto"

    @field_validator("text_template")
    @classmethod
    def _is_template(cls, value: str) -> str:
        try:
            parts_of(value)
        except ValueError as error:
            raise ValueError(f"it {error}") from None
        return value
