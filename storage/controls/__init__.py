"""Controls at work: announced on the log, followed by those who decide, and halts that are known to be applied."""
