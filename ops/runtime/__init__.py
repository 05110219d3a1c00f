"""Settings, clocks, ids, errors, languages, logging, metrics, health; imports nothing of ours."""
