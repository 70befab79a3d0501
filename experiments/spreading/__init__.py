"""Flights spread over processes, on this machine or on a cluster, with Ray."""
