"""Turns data and refusals into HTTP answers: the envelope, its headers, the languages."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from quart import Response
from werkzeug.datastructures import Headers

from gateway.http.cors import CrossOrigin
from gateway.http.exchange import Exchange
from gateway.http.limits import RateLimited
from ops.runtime.clock import Clock, milliseconds
from ops.runtime.errors import HubError
from ops.runtime.languages import Languages

Fields = Iterable[tuple[str, str]]
JSON: Final = "application/json"
API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
_SECURITY: Final = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
)
_STRICT_TRANSPORT: Final = ("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
_encode: Final = msgspec.json.Encoder().encode


class Answers:
    """Builds every answer of the gateway. `transport_is_secure` adds HSTS (production is only reached over TLS)."""

    def __init__(
        self, languages: Languages, clock: Clock, cross_origin: CrossOrigin, *, transport_is_secure: bool
    ) -> None:
        self._languages = languages
        self._clock = clock
        self._cross_origin = cross_origin
        self._fixed = (*_SECURITY, _STRICT_TRANSPORT) if transport_is_secure else _SECURITY

    def success(self, exchange: Exchange, data: bytes) -> Response:
        """200 with `data` (JSON) in the envelope."""
        body = b'{"success":true,"data":%b,"trace_id":"%b"}' % (data, exchange.trace_id.encode())
        return self.raw(exchange, body, JSON)

    def failure(self, exchange: Exchange, error: HubError, headers: Fields = ()) -> Response:
        """The refusal's status with the error envelope in the exchange's language."""
        kind = error.kind
        body = {
            "success": False,
            "error": {
                "code": kind.code,
                "message": self._languages.error(error, exchange.language),
                "message_i18n_key": f"error.{kind.code}",
                "retryable": kind.retryable,
                "upstream_code": None,
                "details": error.details,
            },
            "trace_id": exchange.trace_id,
        }
        if isinstance(error, RateLimited):
            exchange.spent = error.spent
        extra = list(headers)
        if error.retry_after is not None:
            extra.append(("Retry-After", str(max(1, round(error.retry_after)))))
        return self.raw(exchange, _encode(body), JSON, status=kind.status, headers=extra)

    def raw(
        self,
        exchange: Exchange,
        body: bytes,
        content_type: str,
        *,
        status: int = 200,
        headers: Fields = (),
        policy: str = API_POLICY,
    ) -> Response:
        """A body as it is, under the headers that every answer has."""
        fields = [
            ("Content-Type", content_type),
            ("Content-Language", exchange.language),
            ("Content-Security-Policy", policy),
            ("X-Trace-Id", exchange.trace_id),
            ("X-Server-Time", str(milliseconds(self._clock.now()))),
            *self._fixed,
            *headers,
        ]
        spent = exchange.spent
        if spent is not None:
            fields += (
                ("X-RateLimit-Limit", str(spent.limit)),
                ("X-RateLimit-Remaining", str(spent.remaining)),
                ("X-RateLimit-Reset", str(spent.reset_at)),
            )
        if self._cross_origin.enabled:
            fields += self._cross_origin.answer_headers(exchange.header(b"origin"))
        return Response(body, status, Headers(fields))


def encode(data: Mapping[str, Any]) -> bytes:
    """JSON of an operation's `data`."""
    return _encode(data)
