"""A bandit log's blocks reduced by worker processes, on this machine or on a cluster."""
