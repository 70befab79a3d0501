"""Files of a bandit log as a case, read in blocks: tables of actions are never held whole."""

from dataclasses import replace

from promopilot.experiments.ope.bandit.blocks import Work, open_told, reduce_here
from promopilot.experiments.ope.bandit.database import open_database
from promopilot.experiments.ope.bandit.extra_weights import extra_weights
from promopilot.experiments.ope.bandit.log_file import open_log
from promopilot.experiments.ope.bandit.nuisances import fit_nuisances
from promopilot.experiments.ope.bandit.reduction import case_of
from promopilot.experiments.ope.bandit.rows import BanditRows
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings

# Decisions x actions of a block: 20 MB for each table of them.
_CELLS = 2_500_000


def read_case(inputs: Inputs, settings: OpeSettings, seed: int) -> Case[BanditRows]:
    """Reads `decision_id, action, reward, propensity` and what comes with them.

    Raises:
        LogError: a fault in a file, with its row and value, or a name that is not known.
    """
    tolerance = settings.probability_tolerance
    with open_database(settings.reading_mb) as database:
        log, told = open_told(inputs, open_log(database, inputs.log), tolerance)
        extra = extra_weights(inputs, log, settings)
        size = max(1, _CELLS // len(log.actions))
        models = fit_nuisances(
            log,
            size,
            settings,
            seed,
            rewards=told.rewards is None,
            propensities=told.behavior is None
            and (not log.has_propensity or extra.categories is not None),
        )
        parts, done = [], 0
        engine = inputs.engine or reduce_here
        for part in engine(Work(inputs, tolerance, log, size, told, models, extra)):
            parts.append(part)
            done += len(part.action)
            inputs.progress("read", done / log.count)
        case = case_of(
            parts,
            log.actions,
            log.evidence,
            "cross-fitted" if told.rewards is None else "given",
            "logged" if log.has_propensity or told.behavior is not None else "estimated",
        )
        case = replace(case, extra={**case.extra, "ignored_columns": list(log.ignored)})
        return extra.complete(case, log, size, models.fold)
