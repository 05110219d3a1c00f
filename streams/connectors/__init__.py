"""Connectors that are down, told on `risk-signals`."""
