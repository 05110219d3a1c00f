"""Sessions: their tokens, how they begin (opening.py), go on (refreshing.py) and end (handlers.py)."""
