"""The processors."""
