"""Commands to the order core and its decisions about them: published to the log, awaited over one tail a process."""
