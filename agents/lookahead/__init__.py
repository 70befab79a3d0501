"""Planning the rest of a flight at once: the look-ahead optimiser, hindsight, and its bound."""

from pathlib import Path

from promopilot.envs.compiled import forget_stale

forget_stale(Path(__file__).parent)
