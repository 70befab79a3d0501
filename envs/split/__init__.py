"""The compiled solver behind `promopilot.envs.allocator`: one flight's day at a time."""
