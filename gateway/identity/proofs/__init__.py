"""Codes that prove something: mailed ones (challenge_rules.py, codes.py) and time-based ones (totp_codes.py)."""
