"""What the operations of tenants on their access have in common in the served document. Pure."""

from typing import Any, Final

_WRITE: Final = (409, 415)
_REPLAYED: Final = {"type": "string", "enum": ["true"]}
_DECIDED: Final = frozenset({200, 403, 404, 409})


def is_of_access(operation: dict[str, Any]) -> bool:
    """Whether it is about the caller's applications or bindings."""
    return "Access" in operation.get("tags", ())


def statuses_of_access(operation: dict[str, Any]) -> tuple[int, ...]:
    """The errors that it answers beside those of every signed operation: those that it names, and those of writes."""
    named = {int(status) for status in operation["responses"]} - {200}
    return tuple(sorted(named.union(_WRITE) if _is_write(operation) else named))


def headers_of_access(operation: dict[str, Any], status: int) -> dict[str, Any]:
    """The headers of its answers beside those that every answer has."""
    if not _is_write(operation) or status not in _DECIDED:
        return {}
    return {"Idempotency-Replayed": {"required": False, "schema": dict(_REPLAYED)}}


def _is_write(operation: dict[str, Any]) -> bool:
    return "requestBody" in operation
