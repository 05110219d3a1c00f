"""Recorded market data, published as if it happened now, faster, or as fast as possible."""
