"""Who decides: simple policies, the daily re-planner and PPO on prices."""
