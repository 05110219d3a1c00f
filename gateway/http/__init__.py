"""Envelope, error mapping, signing, rate limits, languages, serving the contract."""
