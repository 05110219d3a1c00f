"""The processes that are measured, one module each: ours and those that it is compared with."""
