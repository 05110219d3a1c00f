"""Signs as a client does."""

import time

from gateway.callers import SignedRequest
from gateway.http.signing import signature_of, string_to_sign


def signed(
    key_id: str, secret: str, path: str, query: str = "", *, method: str = "GET", key: str = "", body: bytes = b""
) -> dict[str, str]:
    """The headers that sign a request of now; `key` is its idempotency key."""
    timestamp = str(time.time_ns() // 1_000_000)
    text = string_to_sign(SignedRequest(method, path, query, key, body, {}, ""), timestamp)
    signature = signature_of(secret.encode(), text)
    return {"X-PM-API-KEY": key_id, "X-PM-TIMESTAMP": timestamp, "X-PM-SIGNATURE": signature}
