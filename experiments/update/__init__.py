"""Tomorrow: what really happened is taken in, and the rest of the flight is planned again."""
