"""A seeded market that looks like one: the feed for trying the platform, with sessions, depth and trades."""
