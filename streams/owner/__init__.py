"""What every owner of a partition does: claim, read up, decide, append, checkpoint. Knows nothing of orders."""
