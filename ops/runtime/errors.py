"""The closed catalogue of error codes, and the one exception that carries them.

Domain code raises `HubError(code, details)`; only the edge knows HTTP statuses and languages. English messages stand
here, the other languages in `ops/runtime/locale/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One code of the catalogue. `message` may name details in braces; `help` says what a caller can do about it."""

    code: str
    status: int
    retryable: bool
    message: str
    help: str


class HubError(Exception):
    """A refusal with a catalogued code. `details` goes to the caller as it is and fills the message's braces."""

    def __init__(
        self, code: str, details: Mapping[str, Any] | None = None, *, retry_after: float | None = None
    ) -> None:
        self.kind = CATALOGUE[code]
        self.details = dict(details) if details else None
        self.retry_after = retry_after
        super().__init__(code)

    @property
    def code(self) -> str:
        """The stable code, e.g. `auth.signature_invalid`."""
        return self.kind.code


# fmt: off
_KINDS: Final[tuple[ErrorKind, ...]] = (
    ErrorKind("system.internal", 500, True, "Something went wrong on our side.", "Retry; if it stays, send us the trace id."),
    ErrorKind("system.not_implemented", 501, False, "This operation is not available yet.", "See the changelog for when it comes."),
    ErrorKind("system.unavailable", 503, True, "The service cannot answer at the moment.", "Retry after a moment."),
    ErrorKind("route.not_found", 404, False, "There is no such route.", "GET /openapi.json lists the routes."),
    ErrorKind("route.method_not_allowed", 405, False, "This route does not take that method.", "See the Allow header."),
    ErrorKind("route.upgrade_required", 426, False, "This route speaks WebSocket only.", "Connect with a WebSocket client."),
    ErrorKind("request.invalid", 422, False, "The request is not valid.", "details.fields names each field, why, and what is expected."),
    ErrorKind("request.malformed", 422, False, "The body is not valid JSON.", "Send one JSON object in UTF-8 without duplicate keys."),
    ErrorKind("request.too_large", 413, False, "The request is too large.", "details.limit_bytes is the most that is taken."),
    ErrorKind("request.media_type", 415, False, "The body must be application/json.", "Set Content-Type: application/json."),
    ErrorKind("request.timeout", 408, True, "The request did not arrive in time.", "Send the body without pauses."),
    ErrorKind("idempotency.key_required", 422, False, "The Idempotency-Key header is required.", "Send 8 to 72 characters, new for each write."),
    ErrorKind("page_token.not_found", 404, False, "This page token is not one of ours, or belongs to another list.", "Use next_page_token as it was given, with the same filters."),
    ErrorKind("auth.credentials_missing", 401, False, "Authentication headers are missing.", "Send X-PM-API-KEY, X-PM-TIMESTAMP and X-PM-SIGNATURE."),
    ErrorKind("auth.signature_invalid", 401, False, "The API key or the signature is not valid.", "See docs/signing.md and `omniaxs sign`."),
    ErrorKind("auth.timestamp_outside_window", 401, False, "The timestamp is outside the accepted window.", "Send the present time in ms; GET /public/v1/time tells ours."),
    ErrorKind("auth.timestamp_invalid", 401, False, "The timestamp is not a number of milliseconds.", "Send Unix time in ms as digits."),
    ErrorKind("auth.key_revoked", 401, False, "This API key was revoked.", "Make a new key."),
    ErrorKind("auth.key_expired", 401, False, "This API key has expired.", "Make a new key."),
    ErrorKind("auth.tenant_suspended", 403, False, "This tenant is suspended.", "Ask support."),
    ErrorKind("auth.ip_not_allowed", 403, False, "This address is not on the key's allow-list.", "Call from a listed address or change the key."),
    ErrorKind("auth.scope_missing", 403, False, "The API key lacks the scope {scope}.", "Make a key with that scope."),
    ErrorKind("rate.limited", 429, True, "Too many requests.", "Wait for Retry-After seconds."),
    ErrorKind("market.unknown_symbol", 404, False, "Unknown symbol.", "GET /v1/markets lists the symbols."),
    ErrorKind("market.no_quote", 404, True, "No quote has been seen for this symbol yet.", "Retry after a moment."),
    ErrorKind("market.unknown_venue", 404, False, "Unknown venue.", "GET /v1/markets lists the venues."),
    ErrorKind("market.empty_range", 404, False, "No bar can be in this range: end is not after start.", "Give an end after start, or leave one of them out."),
    ErrorKind("market.no_calendar", 404, False, "There is no calendar for this date.", "Ask for a date from 1900-01-01 to 2200-12-31."),
    ErrorKind("stream.not_authenticated", 401, False, "The connection is not authenticated.", "Send op auth first, within 10 s."),
    ErrorKind("stream.bad_message", 400, False, "The message is not valid.", "Send a JSON object with op, id and payload."),
    ErrorKind("stream.unknown_topic", 404, False, "Unknown topic.", "See the WebSocket guide for the topics."),
    ErrorKind("stream.limit", 429, True, "A limit of this connection was reached.", "details.limit says which and how much."),
    ErrorKind("stream.snapshot_behind", 503, True, "The snapshot is behind the stream.", "Subscribe again after a moment."),
)
# fmt: on
CATALOGUE: Final[Mapping[str, ErrorKind]] = {kind.code: kind for kind in _KINDS}
