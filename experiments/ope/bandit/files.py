"""Files of a bandit log as a case."""

from promopilot.experiments.ope.bandit.case import bandit_case
from promopilot.experiments.ope.bandit.log_file import read_log
from promopilot.experiments.ope.bandit.policy_file import read_policy, read_qhat
from promopilot.experiments.ope.bandit.rows import BanditRows
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.nuisance.reward_model import cross_fitted, fold_of
from promopilot.experiments.ope.settings import OpeSettings


def read_case(inputs: Inputs, settings: OpeSettings, seed: int) -> Case[BanditRows]:
    """Reads `decision_id, action, reward, propensity` and what comes with them.

    Raises:
        LogError: a fault in a file, with its row and value, or a name that is not known.
    """
    source = read_log(inputs.log)
    log, policy = read_policy(inputs.policy, source, settings.probability_tolerance)
    if inputs.qhat is not None:
        given = read_qhat(inputs.qhat, source, log, None if isinstance(policy, str) else policy)
        return bandit_case(log, policy, given, settings.probability_tolerance, "given")
    fold = fold_of(source.unit, settings.folds)
    if (fold == fold[0]).all():  # one cluster, or very few: there is nothing else to split by
        fold = fold_of(source.decision, settings.folds)
    made = cross_fitted(log, source.features, fold, settings, seed)
    return bandit_case(log, policy, made, settings.probability_tolerance, "cross-fitted")
