"""The order form of idempotency: what a client's write was, so that a repeat publishes the same commands again. Pure."""

import hashlib
from typing import Final

import msgspec

_encode: Final = msgspec.json.Encoder().encode
KEPT_SECONDS: Final = 24 * 3_600


class OrderRequest(msgspec.Struct, frozen=True):
    """One signed write. Times are ns since the epoch. `command_ids` and `order_ids` (those that it makes) are by item;
    "" where an item was refused before it became a command. `trace_id` and `language` are the first request's.
    """

    identity: str
    body_hash: str
    command_ids: tuple[str, ...]
    order_ids: tuple[str, ...]
    issued_at: int
    valid_until: int
    trace_id: str
    language: str


def identity_of(tenant_id: str, method: str, path: str, idempotency_key: str) -> str:
    """The one name of (tenant, method, path, key)."""
    return _encode([tenant_id, method, path, idempotency_key]).decode()


def hash_of(body: bytes) -> str:
    """What tells two bodies apart: SHA-256 of their bytes, as the signature covers them."""
    return hashlib.sha256(body).hexdigest()
