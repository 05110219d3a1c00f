"""Sweeps: what is looked for every few seconds, so that nothing depends on a job that may be lost."""
