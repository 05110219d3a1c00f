"""Reads of an account: what it is worth, what it holds, what it may do, what it is warned of."""
