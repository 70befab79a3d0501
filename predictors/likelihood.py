r"""The likelihood of a funnel on aggregated counts, from logits so that it cannot overflow.

With n impressions, k clicks and m conversions, k ~ Binomial(n, CTR) and m ~ Binomial(k, CVR); the
binomial coefficients do not depend on the rates and are left out. Where no clicks were recorded
only CTCVR is identified: m ~ Binomial(n, CTCVR). Inside a randomised test promotions differ by
nothing but themselves; given the test's total of events, who got them is multinomial with shares

    n_j p_j / sum_l n_l p_l,

in which the test's own level cancels (conditional logit, McFadden 1974; the rank loss).
R is rows, Z stages (2, or 1), E promotions in tests.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus


def funnel_nll(logits: Tensor, trials: Tensor, successes: Tensor) -> Tensor:
    """Returns each row's negative log-likelihood [R] in nats, all arguments being [R, Z].

    -log L = sum over stages of trials * log(1 + e^logit) - successes * logit.
    """
    return (trials * softplus(logits) - successes * logits).sum(1)


def whole_nll(logits: Tensor, trials: Tensor, successes: Tensor) -> Tensor:
    """Returns the negative log-likelihood [R] of the stages' product, from logits [R, Z].

    The entire-space term of ESMM (Ma et al. 2018) where both stages are recorded, and all that is
    known where clicks are not.
    """
    log_rate, log_rest = log_product(logits)
    return -(successes * log_rate + (trials - successes) * log_rest)


def shares_nll(
    logits: Tensor, trials: Tensor, successes: Tensor, entry: Tensor, test: Tensor, weight: Tensor
) -> Tensor:
    """Returns the conditional negative log-likelihood of tests, a scalar in nats.

    Args:
        logits: [R, Z].
        trials: [R, Z].
        successes: [E, Z] of a promotion in its test.
        entry: [R] into the promotions, each occurring in one test.
        test: [E] the test of each, 0 to the number of tests - 1.
        weight: [E, Z] of the promotion's test.
    """
    tests = int(test.max()) + 1 if len(test) else 0
    stages = logits.shape[1]
    tiny = torch.finfo(logits.dtype).tiny
    expected = trials * torch.exp(logsigmoid(logits))
    own = expected.new_zeros((len(test), stages)).index_add(0, entry, expected)
    total = own.new_zeros((tests, stages)).index_add(0, test, own)
    share = torch.log(own.clamp_min(tiny)) - torch.log(total.clamp_min(tiny))[test]
    return -(weight * successes * share).sum()


def log_product(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Returns log p and log(1 - p), both [R], of the stages' product p, from logits [R, Z].

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
