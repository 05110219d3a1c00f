"""The messages of `/v1/ws`: what clients may send, and what they are answered. Pure.

A message that cannot be answered (no JSON object, no `op` or `id`) is `BadMessage`: the connection ends with 4400. A
payload that does not fit is a refusal with `details.fields`; the connection goes on.
"""

import re
from typing import Any, Final, NoReturn

import msgspec

from gateway.http.body import parse_json_object
from gateway.live.frames import json_frame
from gateway.live.subscriptions import Granted, Resume, Wanted
from gateway.live.switches import LEAST_GRACE_MS, MOST_GRACE_MS
from gateway.live.topics import Topic
from ops.runtime.errors import HubError
from ops.runtime.languages import Language, Languages

OPERATIONS: Final = ("auth", "subscribe", "unsubscribe", "ping", "cancel_on_disconnect")
MOST_CONFLATE_MS: Final = 60_000
_PLACE: Final = re.compile(r" - at `\$\.?(.*)`$")
_SHARD: Final = re.compile(r"[a-z-]+-\d{1,9}")


class BadMessage(Exception):
    """A message that cannot be answered; `details` says why."""

    def __init__(self, details: dict[str, Any]) -> None:
        super().__init__("stream.bad_message")
        self.details = details


class Operation(msgspec.Struct, frozen=True):
    """A client's message with its payload not looked at yet."""

    op: str
    id: str
    payload: dict[str, Any]


class AuthPayload(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """See docs/signing.md: the signature is over `GET`, `/v1/ws`, no query, no key, an empty body."""

    api_key: str
    timestamp: str
    signature: str


class ResumePayload(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the client stood in one topic, as an answer or a `position` message gave it."""

    log_id: str
    positions: dict[str, int]


class SubscribePayload(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`resume` has one entry a topic."""

    topics: list[str]
    resume: dict[str, ResumePayload] = {}
    snapshot: bool = True
    conflate_ms: int = 0


class UnsubscribePayload(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Topics as they were subscribed to."""

    topics: list[str]


class CancelOnDisconnectPayload(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whether open orders are cancelled when the connection ends, and how long it may be away (5 s or more)."""

    enabled: bool
    grace_ms: int = 0
    spare_reduce_only: bool = False


class EmptyPayload(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Of operations that take nothing."""


Payload = AuthPayload | SubscribePayload | UnsubscribePayload | CancelOnDisconnectPayload | EmptyPayload
_PAYLOADS: Final[dict[str, type[Payload]]] = {
    "auth": AuthPayload,
    "subscribe": SubscribePayload,
    "unsubscribe": UnsubscribePayload,
    "ping": EmptyPayload,
    "cancel_on_disconnect": CancelOnDisconnectPayload,
}


def read_operation(message: object) -> Operation:
    """The operation in a message as it came. Raises `BadMessage`."""
    if not isinstance(message, str):
        raise BadMessage({"reason": "a binary frame; send JSON in text frames"})
    try:
        parsed = parse_json_object(message.encode())
    except HubError as error:
        raise BadMessage(error.details or {}) from error
    for name in ("op", "id"):
        if not isinstance(parsed.get(name), str):
            _bad_field(name, "is not a string" if name in parsed else "is missing", "a string")
    for name in parsed:
        if name not in {"op", "id", "payload"}:
            _bad_field(name, "unknown field", "op, id, payload")
    payload = {} if parsed.get("payload") is None else parsed["payload"]
    if not isinstance(payload, dict):
        _bad_field("payload", "is not an object", "an object")
    return Operation(parsed["op"], parsed["id"], payload)


def read_payload(operation: Operation) -> Payload:
    """The operation's payload. Raises `HubError` `request.invalid`, naming the field."""
    shape = _PAYLOADS.get(operation.op)
    if shape is None:
        raise invalid("op", f"unknown operation {operation.op!r}", ", ".join(OPERATIONS))
    try:
        payload = msgspec.convert(operation.payload, shape, strict=True)
    except msgspec.ValidationError as error:
        raise _misshaped(error) from error
    _check(payload)
    return payload


def invalid(name: str, reason: str, expected: str) -> HubError:
    """A refusal that names one field."""
    return HubError("request.invalid", {"fields": [{"name": name, "reason": reason, "expected": expected}]})


def wanted_topic(topic: Topic, payload: SubscribePayload) -> Wanted:
    """What one topic of a `subscribe` asks for."""
    resume = payload.resume.get(topic.name)
    since = None if resume is None else Resume(resume.log_id, resume.positions)
    return Wanted(topic, payload.conflate_ms, payload.snapshot, since)


def answer_frame(op: str, request_id: str, payload: object) -> bytes:
    """An answer that says yes."""
    return json_frame({"op": op, "id": request_id, "ok": True, "payload": payload})


class Wording:
    """Builds what is said about errors, in a connection's language."""

    def __init__(self, languages: Languages) -> None:
        self._languages = languages

    def refusal_frame(self, op: str, request_id: str, error: HubError, language: Language) -> bytes:
        """An answer that says no."""
        return json_frame({"op": op, "id": request_id, "ok": False, "error": self._body(error, language)})

    def error_frame(self, error: HubError, language: Language) -> bytes:
        """A message about the connection."""
        return json_frame({"type": "error", **self._body(error, language)})

    def topic_refused(self, error: HubError, language: Language) -> dict[str, object]:
        """One topic's entry of a `subscribe` answer that says no."""
        return {"ok": False, **self._body(error, language)}

    def _body(self, error: HubError, language: Language) -> dict[str, object]:
        body: dict[str, object] = {
            "code": error.code,
            "message": self._languages.error(error, language),
            "retryable": error.kind.retryable,
        }
        if error.details:
            body["details"] = error.details
        return body


def topic_granted(granted: Granted) -> dict[str, object]:
    """One topic's entry of a `subscribe` answer that says yes."""
    return {
        "ok": True,
        "log_id": granted.log_id,
        "positions": granted.positions,
        "recovered": granted.recovered,
    }


def _check(payload: Payload) -> None:
    if isinstance(payload, SubscribePayload | UnsubscribePayload) and not payload.topics:
        raise invalid("payload.topics", "is empty", "at least one topic")
    if isinstance(payload, CancelOnDisconnectPayload):
        _check_grace(payload)
    if not isinstance(payload, SubscribePayload):
        return
    if not 0 <= payload.conflate_ms <= MOST_CONFLATE_MS:
        raise invalid("payload.conflate_ms", "is out of range", f"0 to {MOST_CONFLATE_MS} milliseconds")
    for name, resume in payload.resume.items():
        if name not in payload.topics:
            raise invalid(
                f"payload.resume.{name}", "is not among payload.topics", "an entry for a topic of this message"
            )
        for shard, seq in resume.positions.items():
            if not _SHARD.fullmatch(shard) or not -1 <= seq < 2**63:
                expected = "a shard such as trades-3 with the last seq delivered, -1 for none"
                raise invalid(f"payload.resume.{name}.positions.{shard}", "is no position", expected)


def _check_grace(payload: CancelOnDisconnectPayload) -> None:
    if payload.enabled and not LEAST_GRACE_MS <= payload.grace_ms <= MOST_GRACE_MS:
        expected = f"{LEAST_GRACE_MS} to {MOST_GRACE_MS} milliseconds"
        raise invalid("payload.grace_ms", f"is {payload.grace_ms}", expected)


def _misshaped(error: msgspec.ValidationError) -> HubError:
    text = str(error)
    place = _PLACE.search(text)
    reason = text[: place.start()] if place else text
    name = ".".join(part for part in ("payload", place[1] if place else "") if part)
    unknown = re.fullmatch(r"Object (contains unknown|missing required) field `(.*)`", reason)
    if unknown:
        missing = unknown[1].startswith("missing")
        return invalid(
            f"{name}.{unknown[2]}", "is missing" if missing else "unknown field", "see the operation's payload"
        )
    expected = re.match(r"Expected `(.*?)`", reason)
    return invalid(name, reason, expected[1] if expected else "see the operation's payload")


def _bad_field(name: str, reason: str, expected: str) -> NoReturn:
    raise BadMessage({"fields": [{"name": name, "reason": reason, "expected": expected}]})
