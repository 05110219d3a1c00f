"""What an API key signs, and how a signature and its time window are checked (docs/signing.md has test vectors).

Pure: the clock is passed in. Times are milliseconds since the epoch.
"""

import hmac
import re
from hashlib import sha256
from typing import Any, Final

import msgspec

from gateway.callers import SignedRequest
from ops.runtime.errors import HubError

BEHIND_MILLISECONDS: Final = 5_000
AHEAD_MILLISECONDS: Final = 1_000
_EMPTY_HASH: Final = sha256(b"").hexdigest().encode()
_MILLISECONDS: Final = re.compile(r"[0-9]{1,15}")
_WINDOW: Final = re.compile(r"[0-9]{1,9}")
_NEEDED: Final = ("x-pm-api-key", "x-pm-timestamp", "x-pm-signature")
SIGNING_HEADERS: Final = (*_NEEDED, "x-pm-recv-window")
"""What `SignedRequest.headers` is looked at for."""


class Credentials(msgspec.Struct, frozen=True):
    """The signing headers in checked form; `timestamp_text` is as sent, since that is what was signed.

    `behind` is how old (ms) the timestamp may be: 5,000 or less.
    """

    key_id: str
    timestamp: int
    timestamp_text: str
    signature: str
    behind: int


def credentials_of(request: SignedRequest) -> Credentials:
    """Raises `auth.credentials_missing` (naming the headers), `auth.timestamp_invalid` or, for the window, `request.invalid`."""
    headers = request.headers
    key_id, timestamp = headers.get("x-pm-api-key"), headers.get("x-pm-timestamp")
    signature = headers.get("x-pm-signature")
    if not (key_id and timestamp and signature):
        missing = [name.upper() for name in _NEEDED if not headers.get(name)]
        raise HubError("auth.credentials_missing", {"headers": missing})
    if _MILLISECONDS.fullmatch(timestamp) is None:
        raise HubError("auth.timestamp_invalid", {"expected": "Unix time in milliseconds as digits"})
    return Credentials(
        key_id=key_id,
        timestamp=int(timestamp),
        timestamp_text=timestamp,
        signature=signature,
        behind=_window(headers.get("x-pm-recv-window")),
    )


def _window(text: str | None) -> int:
    if text is None:
        return BEHIND_MILLISECONDS
    if _WINDOW.fullmatch(text) is None or int(text) < 1:
        field = {"name": "X-PM-RECV-WINDOW", "reason": "not a whole number", "expected": "1 to 5000 (ms)"}
        raise HubError("request.invalid", {"fields": [field]})
    return min(int(text), BEHIND_MILLISECONDS)


def check_window(credentials: Credentials, now: int) -> None:
    """Accepts a timestamp from `behind` ms before `now` to 1,000 ms after it, both bounds included.

    Raises `auth.timestamp_outside_window` with the skew (ours minus theirs, ms).
    """
    skew = now - credentials.timestamp
    if not -AHEAD_MILLISECONDS <= skew <= credentials.behind:
        details = {
            "clock_skew_ms": skew,
            "server_time_ms": now,
            "accepted_ms": {"behind": credentials.behind, "ahead": AHEAD_MILLISECONDS},
        }
        raise HubError("auth.timestamp_outside_window", details)


def string_to_sign(request: SignedRequest, timestamp: str) -> bytes:
    """The signed bytes: timestamp, method, raw path, raw query, idempotency key (or empty) and the hex SHA-256 of the
    body, joined by line feeds.
    """
    head = f"{timestamp}\n{request.method}\n{request.path}\n{request.query}\n{request.idempotency_key}\n"
    body_hash = sha256(request.body).hexdigest().encode() if request.body else _EMPTY_HASH
    return head.encode("latin-1", "replace") + body_hash  # header and target bytes travel as latin-1 text in HTTP


def signature_of(secret: bytes, text: bytes) -> str:
    """The hex HMAC-SHA256 of a string to sign under the UTF-8 bytes of a secret as it was shown."""
    return hmac.digest(secret, text, "sha256").hex()


def matches(secret: bytes, text: bytes, signature: str) -> bool:
    """Whether `signature` is that of `text`; the time does not depend on where they differ."""
    right = signature_of(secret, text)
    return signature.isascii() and hmac.compare_digest(right, signature.lower())


def diagnosis(request: SignedRequest, text: bytes, credentials: Credentials, now: int) -> dict[str, Any]:
    """What helps a developer find a wrong signature: the hash of the string that we signed, its parts and the skew."""
    return {
        "string_to_sign_sha256": sha256(text).hexdigest(),
        "signed": {
            "timestamp": credentials.timestamp_text,
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "idempotency_key": request.idempotency_key,
            "body_sha256": sha256(request.body).hexdigest(),
        },
        "clock_skew_ms": now - credentials.timestamp,
    }
