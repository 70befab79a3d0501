"""Benchmarks: each module measures one part and returns its figures."""
