"""Benchmarks: the naive way, ours and a peer in one run."""
