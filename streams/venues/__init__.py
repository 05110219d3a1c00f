"""The port that every venue speaks, and one folder a venue."""
