"""Turns data and refusals into answers: the envelope, its headers, the languages."""

from collections.abc import Iterable
from typing import Final

import msgspec

from gateway.http.answer import Answer, Field
from gateway.http.calls import Refusal
from gateway.http.cors import CrossOrigin
from gateway.http.exchange import Exchange
from gateway.http.limits import RateLimited
from ops.runtime.clock import Clock, milliseconds
from ops.runtime.errors import HubError
from ops.runtime.languages import LANGUAGES, Languages

JSON: Final = b"application/json"
API_POLICY: Final = b"default-src 'none'; frame-ancestors 'none'"
_SECURITY: Final[tuple[Field, ...]] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
_STRICT_TRANSPORT: Final[Field] = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
_CLOSE: Final[Field] = (b"connection", b"close")
"""Where the body's end is doubtful nothing may follow it: a body with a length and a coding (RFC 9112, 6.1), and `_ENDING`."""
_ENDING: Final = frozenset((408, 413))
_LANGUAGE_FIELDS: Final = {language: (b"content-language", language.encode()) for language in LANGUAGES}
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

    def success(self, exchange: Exchange, data: bytes, headers: Iterable[Field] = ()) -> Answer:
        """200 with `data` (JSON) in the envelope."""
        body = b'{"success":true,"data":%b,"trace_id":"%b"}' % (data, exchange.trace_id.encode())
        return self.raw(exchange, body, JSON, headers=headers)

    def failure(self, exchange: Exchange, error: HubError, headers: Iterable[Field] = ()) -> Answer:
        """The refusal's status with the error envelope in the exchange's language."""
        kind = error.kind
        extra = list(headers)
        upstream_code = None
        if isinstance(error, Refusal):
            extra += error.fields
            upstream_code = error.upstream_code
            if error.first is not None:
                exchange.answer_as(error.first.trace_id, error.first.language)
        body = {
            "success": False,
            "error": {
                "code": kind.code,
                "message": self._languages.error(error, exchange.language),
                "message_i18n_key": f"error.{kind.code}",
                "retryable": kind.retryable,
                "upstream_code": upstream_code,
                "details": self._languages.details(error.details, exchange.language),
            },
            "trace_id": exchange.trace_id,
        }
        if isinstance(error, RateLimited):
            exchange.spent = error.spent
        if error.retry_after is not None:
            extra.append((b"retry-after", b"%d" % max(1, round(error.retry_after))))
        return self.raw(exchange, _encode(body), JSON, status=kind.status, headers=extra)

    def raw(
        self,
        exchange: Exchange,
        body: bytes,
        content_type: bytes,
        *,
        status: int = 200,
        headers: Iterable[Field] = (),
        policy: bytes = API_POLICY,
    ) -> Answer:
        """A body as it is, under the headers that every answer has."""
        fields = [
            (b"content-type", content_type),
            _LANGUAGE_FIELDS[exchange.language],
            (b"content-security-policy", policy),
            (b"x-trace-id", exchange.trace_id.encode()),
            (b"x-server-time", b"%d" % milliseconds(self._clock.now())),
            *self._fixed,
            *headers,
        ]
        spent = exchange.spent
        if spent is not None:
            fields += (
                (b"x-ratelimit-limit", b"%d" % spent.limit),
                (b"x-ratelimit-remaining", b"%d" % spent.remaining),
                (b"x-ratelimit-reset", b"%d" % spent.reset_at),
            )
        if status in _ENDING or (b"transfer-encoding" in exchange.headers and b"content-length" in exchange.headers):
            fields.append(_CLOSE)
        if self._cross_origin.enabled:
            fields += self._cross_origin.answer_fields(exchange.header(b"origin"))
        return Answer(status, fields, body)
