"""Connectors as anyone is shown them, and what the routes of admins are made of."""
