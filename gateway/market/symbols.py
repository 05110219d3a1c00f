"""Symbols that callers name."""

from ops.runtime.errors import HubError
from storage.reference import ReferenceData


def known_symbol(reference: ReferenceData, symbol: str | None) -> None:
    """Raises `market.unknown_symbol` unless `symbol` is None or an instrument's."""
    if symbol is not None and symbol not in reference.instruments:
        raise HubError("market.unknown_symbol", {"symbols": [symbol]})
