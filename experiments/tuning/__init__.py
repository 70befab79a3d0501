"""Searching settings of the agents with Ray Tune."""
