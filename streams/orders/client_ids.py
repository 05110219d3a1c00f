"""When two orders with one `client_order_id` are the same order: a digest of what was asked. Pure."""

import hashlib

from storage.models.money import parse_number, text_of
from storage.models.order_commands import PlaceOrder
from storage.models.orders import TimeInForce

_DIGEST_BYTES = 8


def content_of(command: PlaceOrder, venue: str, time_in_force: TimeInForce) -> str:
    """A digest of what was asked for, numbers by value, with the venue and the time in force that were given, else the
    defaults: a default that is written out asks for nothing else. "" without a client id, where nobody asks.
    """
    if command.client_order_id is None:
        return ""
    parts = (
        command.symbol,
        command.side,
        command.order_type,
        _canonical(command.quantity),
        _canonical(command.notional),
        _canonical(command.price),
        _canonical(command.stop_price),
        time_in_force,
        venue,
        str(command.reduce_only),
        str(command.post_only),
        command.strategy_id or "",
    )
    return hashlib.blake2b("\n".join(parts).encode(errors="replace"), digest_size=_DIGEST_BYTES).hexdigest()


def _canonical(text: str | None) -> str:
    value = parse_number(text) if text is not None else None
    return text_of(value) if value is not None else text or ""
