"""The compiled part of the market: random numbers and one day's arithmetic, flight by flight."""

import promopilot.envs.compiled  # noqa: F401 - before anything is compiled
