"""A local page to play in: move budget and limits, and see what plan they make."""
