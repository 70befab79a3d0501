"""Advertising platforms' exports: read as they come, made into the contract's tables."""
