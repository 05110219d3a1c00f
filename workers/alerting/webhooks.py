"""Tells a webhook of an alert: one signed POST (docs/alerts.md says how a receiver verifies it), within a bounded time.

It is signed as requests of clients are (docs/signing.md), with the delivery's id in the place of the idempotency key: a delivery that
comes twice has the same id, and one that was captured is too old.
"""

import asyncio
import hashlib
import hmac
import json
from typing import Final, NamedTuple

import httpx

from ops.runtime.clock import Clock, milliseconds
from ops.runtime.settings import AlertWebhook
from storage.models.alert_view import alert_view
from storage.models.alerts import Alert, Telling

ANSWER_SECONDS: Final = 5.0
_GONE: Final = 410
_OF_ADMINS: Final = frozenset({"acknowledged_at", "acknowledged_by"})


class HookAnswer(NamedTuple):
    """`status` is the HTTP status, or why there was none; `finished`: it is not told of this again."""

    status: str
    finished: bool


class WebhookSender:
    """Sends to webhooks over `client`, which follows no redirects. An answer is waited for `seconds`; its body is not read."""

    def __init__(self, client: httpx.AsyncClient, clock: Clock, seconds: float = ANSWER_SECONDS) -> None:
        self._client, self._clock, self._seconds = client, clock, seconds

    async def send(self, hook: AlertWebhook, alert: Alert, telling: Telling) -> HookAnswer:
        """2xx: taken. 410: it wants to hear no more of this. Whatever else it answers is trouble that may pass."""
        body, delivery_id = body_of(alert, telling), delivery_id_of(alert, telling)
        url, timestamp = httpx.URL(hook.url), milliseconds(self._clock.now())
        headers = signed_headers(hook.secret.get_secret_value(), url.raw_path.decode(), delivery_id, body, timestamp)
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client.stream("POST", url, content=body, headers=headers) as answer,
            ):
                return HookAnswer(str(answer.status_code), answer.is_success or answer.status_code == _GONE)
        except (TimeoutError, httpx.TimeoutException):
            return HookAnswer("timeout", finished=False)
        except httpx.HTTPError as error:
            return HookAnswer(type(error).__name__, finished=False)

    async def close(self) -> None:
        """Give back connections."""
        await self._client.aclose()


def signed_headers(secret: str, target: str, delivery_id: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers of a delivery. `target` is the raw path and query, `timestamp` milliseconds since the epoch."""
    path, _, query = target.partition("?")
    lines = [str(timestamp), "POST", path, query, delivery_id, hashlib.sha256(body).hexdigest()]
    signature = hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-PM-TIMESTAMP": str(timestamp),
        "X-PM-SIGNATURE": signature,
        "Idempotency-Key": delivery_id,
    }


def delivery_id_of(alert: Alert, telling: Telling) -> str:
    """The same at each try of one round."""
    return f"{alert.alert_id}:{telling.number}"


def body_of(alert: Alert, telling: Telling) -> bytes:
    """The JSON that is posted: the alert as it stands now, and why it is told. Which admin is at it is nobody else's business."""
    shown = {name: value for name, value in alert_view(alert).items() if name not in _OF_ADMINS}
    body = {"delivery_id": delivery_id_of(alert, telling), "kind": telling.kind, **shown}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
