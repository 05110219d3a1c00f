"""The log port and its two adapters."""
