"""What a predictor answers with. Importing this module imports no torch."""

from dataclasses import dataclass

from promopilot.predictors.dataset import Floats


@dataclass(frozen=True)
class Prediction:
    """Rates and standard errors, each [R] in the order of the rows; `se` is on the rate's scale.

    What the fit's data did not record is None: without clicks only `ctcvr` is there, without
    conversions only `ctr`.
    """

    ctr: Floats | None = None
    ctr_se: Floats | None = None
    cvr: Floats | None = None
    cvr_se: Floats | None = None
    ctcvr: Floats | None = None
    ctcvr_se: Floats | None = None

    @property
    def last(self) -> Floats:
        """Rate per impression of the last recorded stage: CTCVR, else CTR."""
        rate = self.ctr if self.ctcvr is None else self.ctcvr
        if rate is None:
            raise ValueError("a prediction without rates")
        return rate
