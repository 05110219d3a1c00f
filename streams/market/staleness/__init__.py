"""Silence to staleness: which symbols' quotes can be relied on, told on `quote-states` and `risk-signals`."""
