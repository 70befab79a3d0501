"""The two phases: first the head on frozen text vectors, then head and encoder together.

Training the head first keeps its random start from spoiling the encoder's features (LP-FT, Kumar
et al. 2022), and is cheap: the vectors are computed once. In both phases a batch is some texts
with all their cells, the judge is a running average of the weights, and the phase ends with the
pass that is best on the choose part. What fine-tuning made of the encoder may then be taken back
by a share: between the base model's weights and the tuned ones lie better ones than either
(WiSE-FT, Wortsman et al. 2022, arXiv 2109.01903).
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from promopilot.predictors.checkpoint import Checkpoint
from promopilot.predictors.device import autocast
from promopilot.predictors.encoder import TextEncoder, Tokens, fill
from promopilot.predictors.funnel import Funnel
from promopilot.predictors.objective import Part
from promopilot.predictors.passes import Phase, Scribe, run_phase
from promopilot.predictors.recipes import Recipe
from promopilot.predictors.settings import PredictorSettings

Progress = Callable[[str, float], None]

# Hidden states below the trainable layers are kept when they fit here, else computed each step.
_CACHE_BYTES = 1 << 29


def learn(
    funnel: Funnel,
    train: Part,
    choose: Part,
    vectors: tuple[Tensor, Tensor],
    settings: PredictorSettings,
    recipe: Recipe,
    seed: int,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
    scribe: Scribe | None = None,
) -> dict[str, Any]:
    """Trains in place, leaves the best pass's weights in `funnel`, returns what happened.

    Args:
        funnel: its encoder is the base model, with the layers of the mode free to learn.
        train: what it learns from.
        choose: what passes are judged on.
        vectors: of the texts of both [T, H], by the base model as it is.
        settings: see PredictorSettings.
        recipe: how long and how fast it learns.
        seed: of the order of texts; dropout draws from torch's own state.
        progress: called with what is done and the share done.
        checkpoint: where the state after each pass is kept, and a killed fit's is found.
        scribe: writes each pass's figures, for TensorBoard.
    """
    encoder = funnel.encoder
    generator = torch.Generator().manual_seed(seed)
    tunes = encoder.learns
    most = recipe.head_epochs + (recipe.epochs if tunes else 0)

    def phase(name: str, before: int, **parts: Any) -> Phase:
        return Phase(
            name=name,
            train=train,
            choose=choose,
            settings=settings,
            averaging=recipe.averaging,
            generator=generator,
            tell=lambda done, loss: progress(
                f"{name}, pass {done}: loss {loss:.6f}", (before + done) / most
            ),
            checkpoint=checkpoint,
            scribe=scribe,
            **parts,
        )

    encoder.requires_grad_(False)
    head = run_phase(
        funnel,
        phase(
            "head",
            0,
            finished={},
            passes=recipe.head_epochs,
            groups=_groups([(funnel.head_parameters(), recipe.head_learning_rate)], recipe),
            vectors=lambda _, batch: vectors[0][batch],
            judged=lambda _: vectors[1],
        ),
    )
    record: dict[str, Any] = {"seed": seed, "head_loss": head.losses, "best": head.best}
    if not tunes:
        return record
    encoder.free()
    untuned = [weight.detach().clone() for weight in encoder.tuned()]

    def judged(judge: Funnel) -> Tensor:
        """Of the encoder as it will be kept."""
        kept = copy.deepcopy(judge.encoder)
        _take_back(kept, untuned, recipe.tuned_share)
        return _judged(kept, choose.tokens, below[1], settings)

    below = [_lower_states(encoder, part.tokens) for part in (train, choose)]
    tuned = run_phase(
        funnel,
        phase(
            "fine-tuning",
            recipe.head_epochs,
            finished={"head": head.losses},
            passes=recipe.epochs,
            groups=_tuning_groups(funnel, settings, recipe),
            vectors=lambda learner, batch: _vectors(
                learner.encoder, train.tokens, below[0], batch, settings
            ),
            judged=judged,
        ),
    )
    _take_back(encoder, untuned, recipe.tuned_share)
    return record | {"fine_tuned_loss": tuned.losses, "best": tuned.best}


@torch.no_grad()
def _take_back(encoder: TextEncoder, untuned: list[Tensor], share: float) -> None:
    """Leaves the encoder a share of the way from its untuned weights to the tuned ones."""
    for tuned, weight in zip(encoder.tuned(), untuned, strict=True):
        tuned.copy_(torch.lerp(weight, tuned, share))


def _vectors(
    encoder: TextEncoder,
    tokens: Tokens,
    below: Tensor | None,
    batch: Tensor,
    settings: PredictorSettings,
) -> Tensor:
    """Text vectors of a batch, through the layers that learn; `below` saves the others."""
    picked = tokens.pick(batch)
    with autocast(tokens.ids.device, settings.precision):
        if below is None:
            vectors: Tensor = encoder(picked)
        else:
            vectors = encoder.upper(below[batch, : picked.ids.shape[1]], picked.mask)
    return vectors.float()


def _judged(
    encoder: TextEncoder, tokens: Tokens, below: Tensor | None, settings: PredictorSettings
) -> Tensor:
    vectors = torch.zeros((len(tokens.ids), encoder.width), device=tokens.ids.device)
    return fill(vectors, tokens, lambda part: _vectors(encoder, tokens, below, part, settings))


def _lower_states(encoder: TextEncoder, tokens: Tokens) -> Tensor | None:
    """Hidden states [T, W, K] below the learning layers, or None.

    None where they change, are many, or are themselves in the vector.

    Where no word piece stands they may be 0: nothing looks at them there.
    """
    texts, width = tokens.ids.shape
    if (
        encoder.learns_embeddings
        or encoder.every_layer
        or 4 * texts * width * encoder.width > _CACHE_BYTES
    ):
        return None
    encoder.eval()
    states = torch.zeros((texts, width, encoder.width), device=tokens.ids.device)
    return fill(states, tokens, lambda part: encoder.lower(tokens.pick(part)))


def _groups(
    rates: list[tuple[list[torch.nn.Parameter], float]], recipe: Recipe
) -> list[dict[str, Any]]:
    """AdamW's groups: matrices decay, biases and norms do not."""
    groups: list[dict[str, Any]] = []
    for parameters, rate in rates:
        for decays in (True, False):
            chosen = [p for p in parameters if p.requires_grad and (p.ndim > 1) == decays]
            if chosen:
                decay = recipe.weight_decay if decays else 0.0
                groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
    return groups


def _tuning_groups(
    funnel: Funnel, settings: PredictorSettings, recipe: Recipe
) -> list[dict[str, Any]]:
    """The head at its own rate, each encoder layer slower than the one above it."""
    share = recipe.head_learning_rate * recipe.second_phase_share
    rates = [(funnel.head_parameters(), share)]
    rate = recipe.encoder_learning_rate
    for layer in reversed(funnel.encoder.layers):
        rates.append((list(layer.parameters()), rate))
        rate *= settings.layer_decay
    rates.append((list(funnel.encoder.embeddings.parameters()), rate))
    return _groups(rates, recipe)
