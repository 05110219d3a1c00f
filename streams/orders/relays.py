"""On the road of an order: `order-events` -> here -> `venue-requests`, and -> `risk-signals`. For `streams.owner.relay.Relay`.

Which records ask anything stands in their header `relay`, so most of them are passed over without being decoded. Pure.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from storage.log.port import Message, Record
from storage.models import venues
from storage.models.order_records import OrderRecord, decode_record
from storage.models.risk_signals import encode_signal, signal_headers
from streams.orders.venue_requests import asks_venue, requests_of
from streams.risk.signals import may_signal, signals_of

RELAY: Final = "relay"
_VENUE: Final = b"venue"
_RISK: Final = b"risk"
_RELAYED: Final = MappingProxyType(
    {(False, False): b"", (True, False): b"venue", (False, True): b"risk", (True, True): b"venue,risk"}
)


def relayed_header(record: OrderRecord) -> tuple[str, bytes]:
    """What is to be relayed of a record: `venue`, `risk`, `venue,risk` or nothing."""
    return RELAY, _RELAYED[asks_venue(record), may_signal(record)]


def venue_requests(record: Record) -> Sequence[Message]:
    """The requests of a record of `order-events`, keyed by symbol, with ids from (order, seq)."""
    if not _is_for(record, _VENUE):
        return ()
    tenant_id = _header(record, "tenant-id") or b""
    return [_request(request) for request in requests_of(decode_record(record.value or b""), tenant_id.decode())]


def risk_signals(record: Record) -> Sequence[Message]:
    """The risk signals of a record of `order-events`, keyed by account."""
    if not _is_for(record, _RISK):
        return ()
    told = decode_record(record.value or b"")
    key = told.account_id.encode()
    return [Message(key, encode_signal(signal), signal_headers(signal)) for signal in signals_of(told)]


def _request(request: venues.VenueRequest) -> Message:
    headers = (("event-id", f"{request.order_id}/{request.seq}".encode()), ("schema", venues.REQUEST_SCHEMA))
    return Message(request.symbol.encode(), venues.encode(request), headers)


def _is_for(record: Record, reader: bytes) -> bool:
    """A record that does not say is looked into."""
    named = _header(record, RELAY)
    return named is None or reader in named.split(b",")


def _header(record: Record, wanted: str) -> bytes | None:
    return next((value for name, value in record.headers if name == wanted), None)
