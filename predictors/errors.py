"""What the predictor refuses; the command line turns each into one sentence and exit code 2."""


class PredictorDataError(ValueError):
    """The tables given cannot be learnt from or scored; says which value and what to do."""


class ArtifactError(ValueError):
    """A model file is missing, altered or unreadable; names it and, if known, both digests."""


class MissingPackageError(ValueError):
    """A package that an extra brings is not installed; names the command that installs it."""


class PredictorWarning(UserWarning):
    """What a user should know of a fit or a prediction that still is made."""


class UnreadableTextWarning(PredictorWarning):
    """Much of the texts is unknown to the base model's vocabulary; names the share and a text."""


class CutTextWarning(PredictorWarning):
    """Some texts are longer than `predictor.max_tokens`; names the share."""


class ContinuationError(ValueError):
    """An earlier model cannot be gone on from with what is given; says what to give instead."""


class HostError(ValueError):
    """A shared host cannot be opened, or does not answer; says what to change."""
