"""One request on its way through the gateway: its trace, language, arrival time and what its limit has left."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import structlog

from gateway.http.client_address import client_address
from gateway.http.limits import Spent
from gateway.http.trace import trace_id_of
from ops.runtime.clock import Clock
from ops.runtime.identifiers import Identifiers
from ops.runtime.languages import Language, negotiate

_SCOPE_KEY: Final = "omniaxs.exchange"


@dataclass(slots=True)
class Exchange:
    """`headers` are the raw request headers by lower-case name; `arrived` is nanoseconds since the epoch, `started` seconds
    of the monotonic clock; `operation` is the operation's id once the route is known; `code` is what a repeated answer was
    (`ok` or a refusal's), where it is one.
    """

    trace_id: str
    language: Language
    headers: dict[bytes, bytes]
    arrived: int
    started: float
    operation: str = "unrouted"
    spent: Spent | None = None
    code: str = "ok"

    def header(self, name: bytes) -> str | None:
        """A request header as latin-1 text, None when absent."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def speak_for(self, profile: str) -> None:
        """Take the caller's own language where the request names none that we have."""
        self.language = negotiate(self.header(b"accept-language"), profile)

    def answer_as(self, trace_id: str, language: Language) -> None:
        """Answer under the trace and in the language of the request that this one repeats."""
        self.trace_id = trace_id
        self.language = language


class Exchanges:
    """Begins exchanges and finds them again from an ASGI scope."""

    def __init__(self, clock: Clock, identifiers: Identifiers, trusted_hops: int) -> None:
        self._clock = clock
        self._event_id = identifiers.event_id
        self._trusted_hops = trusted_hops

    def of(self, scope: dict[str, Any]) -> Exchange:
        """The exchange of a request or WebSocket handshake, begun at the first call; its trace id goes into every log line."""
        known: Exchange | None = scope.get(_SCOPE_KEY)
        if known is not None:
            return known
        headers = dict(scope["headers"])
        exchange = scope[_SCOPE_KEY] = Exchange(
            trace_id=trace_id_of(_text(headers.get(b"traceparent")), self._event_id),
            language=negotiate(_text(headers.get(b"accept-language"))),
            headers=headers,
            arrived=self._clock.now(),
            started=self._clock.monotonic(),
        )
        structlog.contextvars.bind_contextvars(trace_id=exchange.trace_id)
        return exchange

    def address(self, scope: dict[str, Any]) -> str:
        """The client's address, behind as many proxies as the settings trust."""
        client = scope.get("client")
        peer = client[0] if client else ""
        if self._trusted_hops == 0:
            return peer
        return client_address(peer, ",".join(_all_of(scope, b"x-forwarded-for")), self._trusted_hops)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _all_of(scope: dict[str, Any], wanted: bytes) -> Iterator[str]:
    return (value.decode("latin-1") for name, value in scope["headers"] if name == wanted)
