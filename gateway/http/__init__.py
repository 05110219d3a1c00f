"""Envelope, bodies, error mapping, signing, rate limits, languages, lists in pages, serving the contract."""
