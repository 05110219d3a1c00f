"""Signed REST calls of the command line: an answer's data, or its refusal in words."""

import time
from typing import Any, Final
from uuid import uuid4

import httpx
import msgspec

from ops.cli.signing import Credentials, signed_headers
from ops.processes.commands.port import EXIT_TEMPORARY, EXIT_UNAVAILABLE, CommandFailed

_TRIES: Final = 5
_REST_SECONDS: Final = 1.0
_encode: Final = msgspec.json.Encoder().encode


def read(caller: Credentials, target: str) -> dict[str, Any]:
    """The data of a GET; `target` is path and query."""
    return _data(_send(caller, "GET", target))


def write(
    caller: Credentials, method: str, target: str, body: dict[str, Any], idempotency_key: str | None = None
) -> dict[str, Any]:
    """The data of a write. What is refused as retryable is sent again under the same Idempotency-Key, five times at most: so an
    unknown outcome becomes known, and nothing is done twice.
    """
    key, content = idempotency_key or uuid4().hex, _encode(body)
    for attempt in range(1, _TRIES + 1):
        answer = _send(caller, method, target, key, content)
        if answer.is_success or attempt == _TRIES or not _error(answer).get("retryable"):
            return _data(answer)
        time.sleep(_REST_SECONDS)
    raise AssertionError("unreachable")


def _send(caller: Credentials, method: str, target: str, key: str = "", content: bytes = b"") -> httpx.Response:
    headers = signed_headers(caller, method, target, key, content)
    if content:
        headers["Content-Type"] = "application/json"
    try:
        return httpx.request(method, caller.url.rstrip("/") + target, headers=headers, content=content or None)
    except httpx.HTTPError as error:
        raise CommandFailed(f"{method} {target}: no answer from {caller.url}: {error}", EXIT_UNAVAILABLE) from None


def _data(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_success:
        return dict(answer.json()["data"])
    error = _error(answer)
    details = f" {_encode(error['details']).decode()}" if error.get("details") else ""
    code = EXIT_TEMPORARY if error.get("retryable") else 1
    raise CommandFailed(f"{answer.status_code} {error['code']}: {error['message']}{details}", code)


def _error(answer: httpx.Response) -> dict[str, Any]:
    try:
        return dict(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return {"code": "http", "message": answer.reason_phrase, "retryable": False}
