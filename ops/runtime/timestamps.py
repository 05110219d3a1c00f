"""RFC 3339 UTC text <-> integer nanoseconds since the epoch, the only two forms in which time travels.

Pure: reads no clock.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache

NANOSECONDS_PER_SECOND = 1_000_000_000
NANOSECONDS_PER_MILLISECOND = 1_000_000
_WHOLE_SECONDS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4096)
def _seconds_of(text: str) -> int:
    if (
        _WHOLE_SECONDS.fullmatch(text) is None
    ):  # `fromisoformat` takes more forms, and is 20 times as fast as `strptime`
        raise ValueError(f"not an RFC 3339 UTC time: {text!r}")
    since = datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH
    return since.days * 86_400 + since.seconds


@lru_cache(maxsize=4096)
def _text_of(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def parse_timestamp(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 UTC text with up to nine fraction digits.

    Only the form that the platform writes (`2024-08-08T23:54:15.342Z`); for what clients send, see
    `parse_client_timestamp`. Raises `ValueError` for anything else.
    """
    if len(text) < 20 or text[-1] != "Z":
        raise ValueError(f"not an RFC 3339 UTC time: {text!r}")
    whole = _seconds_of(text[:19]) * NANOSECONDS_PER_SECOND
    if len(text) == 20:
        return whole
    digits = text[20:-1]
    if text[19] != "." or not digits.isascii() or not digits.isdigit() or len(digits) > 9:
        raise ValueError(f"not an RFC 3339 UTC time: {text!r}")
    return whole + int(digits.ljust(9, "0"))


def format_timestamp(nanoseconds: int) -> str:
    """RFC 3339 UTC text of nanoseconds since the epoch, fraction digits only as far as they are not zero."""
    seconds, fraction = divmod(nanoseconds, NANOSECONDS_PER_SECOND)
    if fraction == 0:
        return _text_of(seconds) + "Z"
    return f"{_text_of(seconds)}.{fraction:09d}".rstrip("0") + "Z"


def parse_client_timestamp(text: str) -> int:
    """Nanoseconds since the epoch of any RFC 3339 date-time with an offset. Raises `ValueError` otherwise."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text.upper():
        raise ValueError(f"not an RFC 3339 date-time with an offset: {text!r}")
    delta = moment.astimezone(UTC) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * NANOSECONDS_PER_SECOND + delta.microseconds * 1_000
