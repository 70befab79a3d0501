"""The likelihood of a funnel on aggregated counts, computed from logits so that it cannot overflow.

With n impressions, k clicks and m conversions, k ~ Binomial(n, CTR) and m ~ Binomial(k, CVR); the
binomial coefficients do not depend on the rates and are left out. Where no clicks were recorded
only CTCVR is identified: m ~ Binomial(n, CTCVR). R is rows, Z stages (2, or 1 without clicks).
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus


def stage_counts(
    impressions: Tensor, clicks: Tensor | None, conversions: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns trials and successes of each stage, both [R, Z]."""
    if clicks is None:
        return impressions[:, None], conversions[:, None]
    return torch.stack([impressions, clicks], 1), torch.stack([clicks, conversions], 1)


def funnel_nll(logits: Tensor, trials: Tensor, successes: Tensor) -> Tensor:
    """Returns each row's negative log-likelihood [R] in nats, all arguments being [R, Z].

    -log L = sum over stages of trials * log(1 + e^logit) - successes * logit.
    """
    return (trials * softplus(logits) - successes * logits).sum(1)


def log_ctcvr(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Returns log CTCVR and log(1 - CTCVR), both [R], of logits [R, Z].

    log(1 - ctr * cvr) = logaddexp(log(1 - ctr), log ctr + log(1 - cvr)).
    """
    first = logits[:, 0]
    if logits.shape[1] == 1:
        return logsigmoid(first), logsigmoid(-first)
    second = logits[:, 1]
    return (
        logsigmoid(first) + logsigmoid(second),
        torch.logaddexp(logsigmoid(-first), logsigmoid(first) + logsigmoid(-second)),
    )


def ctcvr_log_loss(logits: Tensor, impressions: Tensor, conversions: Tensor) -> Tensor:
    """Returns the mean negative log-likelihood of a conversion per impression, a scalar in nats."""
    log_rate, log_rest = log_ctcvr(logits)
    total = conversions * log_rate + (impressions - conversions) * log_rest
    return -total.sum() / impressions.sum()
