"""Risk: what an account is worth and may still do, and the signals that follow from its records. Pure."""
