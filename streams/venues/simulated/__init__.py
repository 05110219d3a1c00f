"""The built-in venue: price-time priority between tenants and against the feed's book, pure and deterministic."""
