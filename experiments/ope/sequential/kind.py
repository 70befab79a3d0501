"""Sequential logs: their unit, and the estimators that read them."""

from promopilot.experiments.ope.estimator import Family, Kind
from promopilot.experiments.ope.sequential.doubly_robust import (
    FittedQEvaluation,
    SelfNormalizedSequentialDoublyRobust,
    SequentialDirectMethod,
    SequentialDoublyRobust,
)
from promopilot.experiments.ope.sequential.importance import (
    MarginalizedImportanceSampling,
    PerDecisionImportanceSampling,
    SelfNormalizedPerDecisionImportanceSampling,
    SelfNormalizedTrajectoryImportanceSampling,
    TrajectoryImportanceSampling,
)
from promopilot.experiments.ope.sequential.rows import SequentialRows

SEQUENTIAL: Kind[SequentialRows] = Kind(
    name="sequential",
    unit="episode",
    families={
        "dm_seq": Family(SequentialDirectMethod),
        "tis": Family(TrajectoryImportanceSampling),
        "pdis": Family(PerDecisionImportanceSampling),
        "sntis": Family(SelfNormalizedTrajectoryImportanceSampling),
        "snpdis": Family(SelfNormalizedPerDecisionImportanceSampling),
        "dr_seq": Family(SequentialDoublyRobust),
        "sndr_seq": Family(SelfNormalizedSequentialDoublyRobust),
        "mis": Family(MarginalizedImportanceSampling),
        "fqe": Family(FittedQEvaluation),
    },
    default=("dm_seq", "tis", "pdis", "sntis", "snpdis", "dr_seq", "sndr_seq", "mis", "fqe"),
    primary="dr_seq",
    second="snpdis",
    notes=(
        "The value is what the policy would bring over a whole episode, its own earlier choices "
        "and what they change included. An episode that ended early brings nothing afterwards.",
        "The estimates that fit weights or a model, and use them alone, hold only if the columns "
        "s_* tell all of an episode's past that matters for its future.",
    ),
)
# Said where there are no such columns.
STATELESS = (
    "The log has no columns s_*: the model of what the rest of an episode brings knows nothing but "
    "the step and the action."
)
