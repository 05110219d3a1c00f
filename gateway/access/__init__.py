"""Access: tenants apply to trade exchanges, and see how far that has come."""
