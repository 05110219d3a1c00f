"""Market-data sources: recorded and synthetic."""
