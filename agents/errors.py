"""What can be wrong with a trained policy, said in one sentence."""


class PolicyError(ValueError):
    """A policy artifact that is missing, altered or made for another market."""
