"""Instruments, quotes, bars and calendars over REST."""
