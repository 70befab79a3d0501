"""From a shop's history to the numbers of its market, each with its uncertainty and its source."""

from promopilot.envs.calibration.calibrating import calibrate
from promopilot.envs.calibration.estimate import Estimate
from promopilot.envs.calibration.history import History, Readings
from promopilot.envs.calibration.lift import LiftTests
from promopilot.envs.calibration.result import Calibration

__all__ = ["Calibration", "Estimate", "History", "LiftTests", "Readings", "calibrate"]
