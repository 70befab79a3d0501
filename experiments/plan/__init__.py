"""The exported plan: what is spent, why, and what it should bring."""
