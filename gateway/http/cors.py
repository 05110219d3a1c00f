"""Which web pages of other origins may call: none, unless settings list them."""

from collections.abc import Sequence
from typing import Final

from gateway.http.answer import Field

EXPOSED: Final = (
    b"X-Trace-Id, X-Server-Time, Content-Language, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, "
    b"X-RateLimit-Reset, X-Account-Seq, Idempotency-Replayed"
)
ALLOWED_HEADERS: Final = (
    b"Accept-Language, Authorization, Content-Type, Idempotency-Key, X-Min-Account-Seq, X-PM-API-KEY, X-PM-RECV-WINDOW, X-PM-ROLE, "
    b"X-PM-SIGNATURE, X-PM-TIMESTAMP, X-PM-VALID-FOR, traceparent"
)
_PREFLIGHT_SECONDS: Final = b"600"
_VARY: Final[Field] = (b"vary", b"Origin")


class CrossOrigin:
    """The allow-list of origins (scheme://host[:port], exactly as a browser sends them)."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origins)
        self.enabled = bool(origins)

    def answer_fields(self, origin: str | None) -> list[Field]:
        """What an answer says to a page of `origin`; only `Vary` to one that is not on the list."""
        if origin is None or origin not in self._origins:
            return [_VARY]
        return [
            _VARY,
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", EXPOSED),
        ]

    def preflight_fields(self, origin: str | None, methods: str) -> list[Field] | None:
        """What a preflight of `origin` is answered; None when the origin is not on the list."""
        if origin is None or origin not in self._origins:
            return None
        return [
            (b"access-control-allow-methods", methods.encode("latin-1")),
            (b"access-control-allow-headers", ALLOWED_HEADERS),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        ]
