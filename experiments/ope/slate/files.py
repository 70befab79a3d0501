"""Files of a slate log as a case."""

from typing import Any

from promopilot.experiments.errors import LogError
from promopilot.experiments.ope.case import Case
from promopilot.experiments.ope.inputs import Inputs
from promopilot.experiments.ope.settings import OpeSettings


def read_case(inputs: Inputs, settings: OpeSettings, seed: int) -> Case[Any]:
    """To come."""
    raise LogError(f"{inputs.log.name} is a slate log")
