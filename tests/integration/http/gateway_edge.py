"""An edge over real records, before which everybody is the same user."""

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.callers import Principal
from gateway.http.answers import Answers
from gateway.http.cors import CrossOrigin
from gateway.http.edge import Edge
from gateway.http.exchange import Exchanges
from gateway.http.idempotency import IdempotencyBook
from gateway.http.limits import Limiter
from ops.runtime.clock import Clock, SystemClock
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.languages import load_languages
from storage.mongo.idempotency import IdempotencyRecords
from storage.sealing import KeyRing

RING = KeyRing.parse("one:a secret of sixteen or more")
LANGUAGES = load_languages()


class Somebody:
    """Every token is somebody's."""

    async def authenticate(self, token: str, audience: str) -> Principal:
        return Principal("user", "usr_1", "ses_1", None, "ten_1", (), "en-US")


class Unmeasured:
    """Measures nothing."""

    def answered(self, operation: str, code: str, seconds: float) -> None: ...
    def limited(self, limit: str) -> None: ...


def edge_over(records: IdempotencyRecords, clock: Clock | None = None) -> Edge:
    """An edge whose limits nobody reaches."""
    clock, identifiers = clock or SystemClock(), SystemIdentifiers()
    return Edge(
        exchanges=Exchanges(clock, identifiers, 0),
        answers=Answers(LANGUAGES, clock, CrossOrigin(()), transport_is_secure=False),
        authenticator=None,
        bearers=Somebody(),
        idempotency=IdempotencyBook(records, RING, identifiers, clock),
        limiter=Limiter(clock, market_per_minute=1, public_per_minute=1, user_per_minute=10**9),
        measures=Unmeasured(),
        clock=clock,
    )


def request_of(body: bytes, key: str) -> tuple[dict[str, Any], Callable[[], Awaitable[bytes]]]:
    """What an endpoint takes: POST /v1/things by somebody."""
    headers = [
        (b"authorization", b"Bearer token"), (b"content-type", b"application/json"), (b"idempotency-key", key.encode()),
    ]  # fmt: skip
    scope = {
        "type": "http", "method": "POST", "raw_path": b"/v1/things", "query_string": b"", "http_version": "1.1",
        "client": ("192.0.2.1", 1), "headers": headers,
    }  # fmt: skip

    async def read_body() -> bytes:
        return body

    return scope, read_body
