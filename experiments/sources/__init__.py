"""Where data folders come from: one module per public source."""
