"""What all operations on an account have in common in the served document: the account's seq, conflicts, replays. Pure."""

from typing import Any, Final

CONFLICTS: Final = 409
_TAGS: Final = frozenset({"Trading", "Account"})
_EXPIRING: Final = frozenset({"placeOrder", "placeBatchOrders", "amendOrder"})
_NEVER_MISSING: Final = frozenset(
    {
        "placeBatchOrders",
        "cancelAllAfter",
        "setTradingState",
        "getAccountOverview",
        "getAccountLimits",
        "getTradingState",
    }
)
_SEQ: Final[dict[str, Any]] = {"type": "string", "pattern": r"^\d+$"}
_SEQ_OF: Final = "The answer is at or past this seq of the account"


def is_of_account(operation: dict[str, Any]) -> bool:
    """Whether the operation reads or changes the caller's account."""
    return not _TAGS.isdisjoint(operation.get("tags", ()))


def statuses_of_account(operation: dict[str, Any]) -> tuple[int, ...]:
    """The errors that it answers beside those of every signed operation."""
    named = () if operation["operationId"] in _NEVER_MISSING else (404,)
    return (*named, CONFLICTS, 415) if _is_write(operation) else (*named, CONFLICTS)


def parameters_of_account(operation: dict[str, Any]) -> list[dict[str, str]]:
    """The headers that it takes beside those of every signed operation."""
    names = []
    if not _is_write(operation):
        names.append("XMinAccountSeq")
    elif operation["operationId"] in _EXPIRING:
        names.append("XPmValidFor")
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def headers_of_account(operation: dict[str, Any], status: int) -> dict[str, Any]:
    """The headers of its answers beside those that every answer has."""
    always = status == 200 and not _is_write(operation)
    headers: dict[str, Any] = {"X-Account-Seq": {"required": always, "schema": dict(_SEQ), "description": _SEQ_OF}}
    if _is_write(operation):
        replayed = {"type": "string", "enum": ["true"]}
        headers["Idempotency-Replayed"] = {"required": False, "schema": replayed}
    return headers


def _is_write(operation: dict[str, Any]) -> bool:
    return "requestBody" in operation
