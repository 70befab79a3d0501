"""What to log where a log hardly speaks about a policy: let the policy decide now and then."""

from dataclasses import dataclass

import numpy as np

from promopilot.experiments.ope.arrays import FloatArray


@dataclass(frozen=True)
class Exploration:
    """A log still to be written: `share` of the units left to the policy, the rest as before."""

    share: float
    ess_share: float  # usable evidence that it would give, as a share of its rows

    def rows_for(self, ess: float) -> int:
        """Rows until the usable evidence is worth `ess`."""
        return int(np.ceil(ess / self.ess_share))


def explored(weight: FloatArray, unsupported: float, share: float) -> Exploration:
    r"""The usable evidence of a log in which the policy decides `share` of the units, by lot.

    Such a log is written by the mixture (1 - s) p + s pi of the logging policy p and the judged one
    pi, so a unit of weight w gets the weight w' = w / (1 - s + s w), at most 1/s. Its usable
    evidence per row tends to 1 / E_pi[w'], and what the policy does is the log weighted by w, save
    for the share u that the log never shows, where w' = 1/s:

        E_pi[w'] = (1 - u) (\sum_i w_i w'_i) / (\sum_i w_i) + u / s

    which is 1 at least, but for chance in the weights of a short log.

    Veach and Guibas (1995) on mixtures; Kish (1965) on the usable evidence.

    Args:
        weight: [n] weights of the policy in the log that is there.
        unsupported: u, the share of the policy's choices that the log never shows.
        share: s, in (0, 1).
    """
    largest = float(weight.max(initial=0.0))
    if largest <= 0.0:
        return Exploration(share, share)
    scaled = weight / largest  # sums of large weights would overflow
    mixed = weight / (1.0 - share + share * weight)
    shown = float((scaled * mixed).sum() / scaled.sum())
    expected = (1.0 - unsupported) * shown + unsupported / share
    return Exploration(share, min(1.0, 1.0 / expected))
