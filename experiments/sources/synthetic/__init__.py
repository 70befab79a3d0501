"""A made-up shop whose truth is known: its tables, and beside them what made them."""
