"""Quotes to latest, trades to bars, silence to staleness."""
