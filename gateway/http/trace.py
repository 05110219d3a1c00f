"""The W3C trace id of a request: taken from `traceparent`, else made. Pure."""

import re
from collections.abc import Callable
from typing import Final

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_NO_TRACE: Final = "0" * 32
_NO_PARENT: Final = "0" * 16


def trace_id_of(traceparent: str | None, event_id: Callable[[], str]) -> str:
    """32 hex digits: those of a valid `traceparent` (W3C Trace Context 1), else of a new UUID from `event_id`."""
    if traceparent is not None:
        match = _TRACEPARENT.fullmatch(traceparent.strip())
        if match and match[1] != _NO_TRACE and match[2] != _NO_PARENT and _version_allows(traceparent, match[3]):
            return match[1]
    return event_id().replace("-", "")


def traceparent_of(trace_id: str) -> str:
    """A `traceparent` that carries a trace on; its parent span is made of the trace id, as no span is recorded here."""
    parent = trace_id[16:]
    return f"00-{trace_id}-{parent if parent != _NO_PARENT else trace_id[:16]}-01"


def _version_allows(traceparent: str, rest: str | None) -> bool:
    return rest is None or not traceparent.strip().startswith("00")
