"""What operations of people have in common in the served document: writes for anyone, and those with a bearer token. Pure.

An operation's own errors (an unknown id, a conflict) are named in its additions; what its kind brings is here.
"""

from typing import Any, Final

_BEARER: Final = frozenset({"UserBearerAuth", "AdminBearerAuth", "AlertmanagerToken"})
_ALWAYS: Final = (422, 429, 500, 503)
_WITH_BODY: Final = (408, 413, 415)
_WITH_TOKEN: Final = (401, 403)
_CONFLICTS: Final = 409
_DECIDED: Final = frozenset({200, 403, 404, 409})
_REPLAYED: Final = {
    "required": False,
    "schema": {"type": "string", "enum": ["true"]},
    "description": "This is the stored answer to the same Idempotency-Key",
}


def is_of_people(operation: dict[str, Any]) -> bool:
    """Whether it is a write for anyone, or needs a bearer token."""
    return is_bearer(operation) or (operation.get("security") == [] and "requestBody" in operation)


def is_bearer(operation: dict[str, Any]) -> bool:
    """Whether a user's or an admin's access token, or a machine's own, opens it."""
    return any(not _BEARER.isdisjoint(scheme) for scheme in operation.get("security", ()))


def statuses_of_people(operation: dict[str, Any]) -> tuple[int, ...]:
    """The errors that it answers: those of its kind, and those that it names itself."""
    statuses = {int(status) for status in operation["responses"]} - {200}
    statuses.update(_ALWAYS)
    if _is_write(operation):
        statuses.update(_WITH_BODY)
    if is_bearer(operation):
        statuses.update(_WITH_TOKEN)
    if _keeps_records(operation):
        statuses.add(_CONFLICTS)
    return tuple(sorted(statuses))


def headers_of_people(operation: dict[str, Any], status: int) -> dict[str, Any]:
    """The headers of its answers beside those that every answer has."""
    return {"Idempotency-Replayed": dict(_REPLAYED)} if _keeps_records(operation) and status in _DECIDED else {}


def _is_write(operation: dict[str, Any]) -> bool:
    return "requestBody" in operation or _keeps_records(operation)


def _keeps_records(operation: dict[str, Any]) -> bool:
    """Whether it takes an Idempotency-Key: every write with a token does."""
    named = {parameter.get("$ref", "").rpartition("/")[2] for parameter in operation.get("parameters", ())}
    return not named.isdisjoint({"IdempotencyKey", "OptionalIdempotencyKey"}) and is_bearer(operation)
