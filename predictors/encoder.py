"""A local BERT as one vector per text: mean of hidden states over its word pieces.

Either of the last layer's, as sentence encoders are made to be used, or of every layer's side by
side: lower layers keep wording that the last one, trained to tell what a text is about, gives up
(Tenney et al. 2019, arXiv 1905.05950).
T texts are padded to W word pieces; H is the width of a text's vector.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from promopilot.predictors.device import Precision, autocast
from promopilot.predictors.errors import ArtifactError
from promopilot.predictors.halving import Halving
from promopilot.predictors.onednn import fast_linear
from promopilot.predictors.readable import clipped

# What a BERT folder needs; weights only as safetensors, because a pickle could run code.
CONFIG, WEIGHTS = "config.json", "model.safetensors"
# Word pieces per forward pass when nothing is learnt. On a processor 512 of MiniLM's stay in its
# cache (1.3 times the speed of 2,048); a GPU needs many to be busy.
_TOKENS_AT_ONCE = {"cpu": 512}

# A folder is read as data: nothing is fetched, and code that it brings is never run.
_AS_DATA: Any = {"local_files_only": True, "trust_remote_code": False}


@dataclass(frozen=True)
class Tokens:
    """Padded word pieces."""

    ids: Tensor  # [T, W] int64
    mask: Tensor  # [T, W] 1 where a word piece stands

    def pick(self, index: Tensor) -> "Tokens":
        """Returns the texts at `index` [B], cut to the longest of them."""
        mask = self.mask[index]
        width = int(mask.sum(1).max())
        return Tokens(self.ids[index, :width], mask[:, :width])


class TextEncoder(nn.Module):
    """A BERT split below its trainable layers, so that what never changes is computed once.

    The model must have `embeddings` and `encoder.layer`, as BERT, RoBERTa and XLM-R have.
    """

    def __init__(self, model: Any, trainable_layers: int | None, every_layer: bool) -> None:
        super().__init__()
        self.embeddings: Any = model.embeddings
        self.layers: Any = model.encoder.layer
        self.every_layer = every_layer  # whether the vector is all layers' or the last one's
        self.hidden_width = int(model.config.hidden_size)
        if trainable_layers is not None and trainable_layers > len(self.layers):
            raise ArtifactError(
                f"predictor.trainable_layers is {trainable_layers}, but the base model has only "
                f"{len(self.layers)} layers: lower it."
            )
        learning = len(self.layers) if trainable_layers is None else trainable_layers
        self.frozen_layers = len(self.layers) - learning
        self.learns_embeddings = trainable_layers is None
        self.free()

    @property
    def width(self) -> int:
        """H; the word vectors count as a layer."""
        return self.hidden_width * (len(self.layers) + 1 if self.every_layer else 1)

    @property
    def learns(self) -> bool:
        """Whether any layer learns."""
        return self.frozen_layers < len(self.layers)

    def free(self) -> None:
        """Lets those parameters learn that are to learn, and no other."""
        self.embeddings.requires_grad_(self.learns_embeddings)
        for depth, layer in enumerate(self.layers):
            layer.requires_grad_(depth >= self.frozen_layers)

    def tuned(self) -> list[nn.Parameter]:
        """Returns the parameters whose change is the encoder's, in proportion."""
        return list(self.parameters())

    def set_dropout(self, acts: bool) -> None:
        """Lets dropout act in the layers that learn, or nowhere."""
        self.eval()
        if acts:
            self.embeddings.train(self.learns_embeddings)
            for layer in self.layers[self.frozen_layers :]:
                layer.train()

    def lower(self, tokens: Tokens) -> Tensor:
        """Returns the hidden states [T, W, K] that enter the first trainable layer.

        Only of use where the last layer alone is the vector.
        """
        *_, hidden = self._through(self._embed(tokens), tokens.mask, 0, self.frozen_layers)
        return hidden

    def upper(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Returns text vectors [T, H] from what `lower` gave."""
        *_, last = self._through(hidden, mask, self.frozen_layers, len(self.layers))
        return mean_pool(last, mask)

    def forward(self, tokens: Tokens) -> Tensor:
        """Returns text vectors [T, H]."""
        if not self.every_layer:
            return self.upper(self.lower(tokens), tokens.mask)
        states = self._through(self._embed(tokens), tokens.mask, 0, len(self.layers))
        return torch.cat([mean_pool(hidden, tokens.mask) for hidden in states], dim=1)

    def _embed(self, tokens: Tokens) -> Tensor:
        hidden: Tensor = self.embeddings(input_ids=tokens.ids)
        return hidden

    def _through(self, hidden: Tensor, mask: Tensor, first: int, last: int) -> Iterator[Tensor]:
        """Yields the states that enter the first of some layers, and what each makes of them."""
        yield hidden
        # Added to the attention logits: 0 where a word piece stands, else the lowest number.
        floor = torch.finfo(hidden.dtype).min
        bias = (1.0 - mask[:, None, None, :].to(hidden.dtype)) * floor
        for layer in self.layers[first:last]:
            out = layer(hidden, attention_mask=bias)
            hidden = out if isinstance(out, Tensor) else out[0]
            yield hidden


def mean_pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """Returns the mean [T, H] of hidden states [T, W, H] over word pieces, padding left out."""
    weights = mask[:, :, None].to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1.0)


def load_encoder(
    folder: Path, trainable_layers: int | None, every_layer: bool = False
) -> TextEncoder:
    """Loads a BERT from a local folder, on the processor, with nothing fetched.

    Raises:
        ArtifactError: a file is missing or unreadable, or the model is not of BERT's kind.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ArtifactError(
                f"{folder / name} is missing: predictor.base_model must be a folder with "
                f"{CONFIG}, tokenizer.json and {WEIGHTS}."
            )
    encoder = empty_encoder(folder, trainable_layers, every_layer)
    try:
        stored = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise ArtifactError(f"{folder / WEIGHTS} cannot be read ({error}).") from None
    wanted = encoder.state_dict()
    found = {_own_name(name): value for name, value in stored.items()}
    absent = sorted(set(wanted) - set(found))
    if absent:
        raise ArtifactError(
            f"{folder / WEIGHTS} lacks {len(absent)} of the encoder's tensors, "
            f"the first being {absent[0]}: it is not the model that {CONFIG} describes."
        )
    encoder.load_state_dict({name: found[name].float() for name in wanted})
    return encoder


def empty_encoder(folder: Path, trainable_layers: int | None, every_layer: bool) -> TextEncoder:
    """Builds the encoder that a folder's config.json describes, weights yet to be loaded.

    Raises:
        ArtifactError: the config is unreadable, or the model is not of BERT's kind.
    """
    try:
        config = AutoConfig.from_pretrained(folder, **_AS_DATA)
        make: Any = AutoModel.from_config
        model: Any = make(config, trust_remote_code=False)
    except Exception as error:  # what transformers raises depends on what the file holds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArtifactError(
            f"{folder / CONFIG} is not a readable model config ({reason})."
        ) from None
    if not hasattr(model, "embeddings") or not hasattr(getattr(model, "encoder", None), "layer"):
        raise ArtifactError(
            f"{folder} holds a {config.model_type} model, which is not of BERT's kind: "
            "choose a BERT, RoBERTa or XLM-R folder as predictor.base_model."
        )
    return TextEncoder(model, trainable_layers, every_layer)


def load_tokenizer(folder: Path) -> Any:
    """Loads the tokenizer of a local folder, with nothing fetched.

    Raises:
        ArtifactError: its files are missing or unreadable.
    """
    try:
        return AutoTokenizer.from_pretrained(folder, **_AS_DATA)
    except Exception as error:  # what tokenizers raises depends on what the files hold
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArtifactError(f"{folder} has no readable tokenizer ({reason}).") from None


def tokenize(tokenizer: Any, texts: list[str], max_tokens: int, device: torch.device) -> Tokens:
    """Turns texts into padded word pieces on `device`, each cut at `max_tokens`."""
    out = tokenizer(
        clipped(texts, max_tokens),
        padding=True,
        truncation=True,
        max_length=max_tokens,
        return_tensors="pt",
    )
    return Tokens(out["input_ids"].to(device), out["attention_mask"].to(device))


def encode(encoder: TextEncoder, tokens: Tokens, precision: Precision = "fp32") -> Tensor:
    """Returns the vectors [T, H] of texts, each encoded once, as float32."""
    device = tokens.ids.device
    vectors = torch.zeros((len(tokens.ids), encoder.width), device=device)
    was_training = encoder.training
    encoder.eval()
    with autocast(device, precision):
        fill(vectors, tokens, lambda part: encoder(tokens.pick(part)).float())
    encoder.train(was_training)
    return vectors


@torch.no_grad()
def fill(out: Tensor, tokens: Tokens, work: Callable[[Tensor], Tensor]) -> Tensor:
    """Writes into `out` [T, K, ...] what `work` makes of texts, without gradients; returns `out`.

    Texts of like length share a batch, so that little padding is computed, and a batch is as many
    texts as make `_TOKENS_AT_ONCE` word pieces.

    Args:
        out: zeros.
        tokens: the T texts.
        work: from indices of texts [B] to [B, k, ...] with k <= K; what lies beyond k stays 0.
    """
    device, halving = tokens.ids.device, Halving()
    with fast_linear(device):
        for batch in _batches(tokens.mask.sum(1), _TOKENS_AT_ONCE.get(device.type, 1 << 14)):
            done = 0
            for part in halving(work, batch):
                out[batch[done : done + len(part)], : part.shape[1]] = part
                done += len(part)
    return out


def _batches(lengths: Tensor, most: int) -> Iterator[Tensor]:
    """Yields indices of texts [B], shortest first, B times the longest at most `most` if B > 1."""
    order = torch.argsort(lengths, stable=True)
    start = 0
    for end, length in enumerate(lengths[order].tolist()):
        if end > start and (end + 1 - start) * length > most:
            yield order[start:end]
            start = end
    if len(order):
        yield order[start:]


def _own_name(name: str) -> str:
    """Maps a checkpoint's tensor name to TextEncoder's; some are saved under a `bert.` prefix."""
    for prefix in ("bert.", "roberta."):
        name = name.removeprefix(prefix)
    return "layers." + name.removeprefix("encoder.layer.") if "encoder.layer." in name else name
