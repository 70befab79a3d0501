"""Who fills blocks of impressions: greedy choices, and DQN and its kin on `AdPlacement-v0`."""
