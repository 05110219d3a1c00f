"""Which web pages of other origins may call: none, unless settings list them."""

from collections.abc import Sequence
from typing import Final

EXPOSED: Final = "X-Trace-Id, X-Server-Time, Content-Language, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
ALLOWED_HEADERS: Final = (
    "Accept-Language, Authorization, Content-Type, Idempotency-Key, X-PM-API-KEY, X-PM-RECV-WINDOW, X-PM-ROLE, "
    "X-PM-SIGNATURE, X-PM-TIMESTAMP, X-PM-VALID-FOR, traceparent"
)
_PREFLIGHT_SECONDS: Final = "600"


class CrossOrigin:
    """The allow-list of origins (scheme://host[:port], exactly as a browser sends them)."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origins)
        self.enabled = bool(origins)

    def answer_headers(self, origin: str | None) -> list[tuple[str, str]]:
        """What an answer says to a page of `origin`; only `Vary` to one that is not on the list."""
        if origin is None or origin not in self._origins:
            return [("Vary", "Origin")]
        return [
            ("Vary", "Origin"),
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", EXPOSED),
        ]

    def preflight_headers(self, origin: str | None, methods: Sequence[str]) -> list[tuple[str, str]] | None:
        """What a preflight of `origin` is answered; None when the origin is not on the list."""
        if origin is None or origin not in self._origins:
            return None
        return [
            ("Access-Control-Allow-Methods", ", ".join(methods)),
            ("Access-Control-Allow-Headers", ALLOWED_HEADERS),
            ("Access-Control-Max-Age", _PREFLIGHT_SECONDS),
        ]
