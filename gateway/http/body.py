"""Request bodies: read with a limit and a timeout, parsed as strict JSON."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NoReturn

from quart import Request

from gateway.http.patience import within
from ops.runtime.errors import HubError

Receive = Callable[[], Awaitable[Any]]
BODY_BYTES: Final = 64 * 1024
BODY_SECONDS: Final = 10
MOST_DEPTH: Final = 16
_STRINGS_AND_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


async def read_body(request: Request) -> bytes:
    """The whole body. The app's own limits apply: 64 KiB (`request.too_large`) and 10 s (`request.timeout`)."""
    return await request.get_data(cache=True, as_text=False, parse_form_data=False)


class Disconnected(Exception):
    """The client went away before its body had come; nobody waits for an answer."""


async def receive_body(receive: Receive, seconds: float = BODY_SECONDS) -> bytes:
    """The whole body straight from the server, under the same limits. Raises `Disconnected` too."""
    chunks: list[bytes] = []
    size = 0
    try:
        with within(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > BODY_BYTES:
                    raise HubError("request.too_large", {"limit_bytes": BODY_BYTES})
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise HubError("request.timeout", {"seconds": seconds}) from None


def may_have_body(http_version: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a body can follow: over HTTP/1.1 only with a length or a transfer coding (RFC 9112, 6.3)."""
    return b"content-length" in headers or b"transfer-encoding" in headers or not http_version.startswith("1")


def check_media_type(content_type: str | None) -> None:
    """Raises `request.media_type` for anything but `application/json`, with or without parameters."""
    if content_type == "application/json":
        return
    received = (content_type or "").partition(";")[0].strip().lower()
    if received != "application/json":
        raise HubError("request.media_type", {"received": received or None, "expected": "application/json"})


def parse_json_object(body: bytes) -> dict[str, Any]:
    """One JSON object (RFC 8259) in UTF-8, at most 16 levels deep, without duplicate keys, NaN or lone surrogates.

    Raises `request.malformed` with the reason.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        _malformed(f"not UTF-8 at byte {error.start}")
    if _may_be_deep(body) and _depth(body) > MOST_DEPTH:
        _malformed(f"nested deeper than {MOST_DEPTH} levels")
    try:
        value = _decode(text)
    except json.JSONDecodeError as error:
        _malformed(f"{error.msg} at line {error.lineno} column {error.colno}")
    except ValueError:
        _malformed("a number has too many digits")
    if not isinstance(value, dict):
        _malformed("not an object")
    if b"\\u" in body:  # in UTF-8 they can only come by an escape
        _refuse_lone_surrogates(value)
    return value


def _malformed(reason: str) -> NoReturn:
    raise HubError("request.malformed", {"reason": reason})


def _may_be_deep(body: bytes) -> bool:
    """Whether there are more opening brackets than levels allowed, inside strings or not."""
    return body.count(b"{") + body.count(b"[") > MOST_DEPTH


def _depth(body: bytes) -> int:
    depth = deepest = 0
    for token in _STRINGS_AND_BRACKETS.finditer(body):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        _malformed(f"the key {twice[:64]!a} stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    _malformed(f"{name} is not JSON")


def _refuse_lone_surrogates(value: dict[str, Any]) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        _malformed("a string holds half of a surrogate pair")


_decode: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant).decode
