"""The document that `/openapi.json` serves: the contract, the additions, and every error and header that occurs. Pure."""

import copy
from collections.abc import Mapping
from typing import Any, Final

from gateway.http.contract import METHODS, Document
from gateway.http.openapi_access import headers_of_access, is_of_access, statuses_of_access
from gateway.http.openapi_accounts import (
    headers_of_account,
    is_of_account,
    parameters_of_account,
    statuses_of_account,
)
from gateway.http.openapi_people import headers_of_people, is_of_people, statuses_of_people
from storage.models.instruments import ASSET_CLASSES
from storage.models.people import ADMIN_ROLES

_SIGNED_ERRORS: Final = (401, 403, 408, 413, 422, 429, 500, 503)
_PUBLIC_ERRORS: Final = (422, 429, 500)
_LOOKED_UP: Final = frozenset({"listMarkets", "getQuotes", "getBars", "getCalendar"})
_DESCRIPTIONS: Final[Mapping[int, str]] = {
    401: "Who is calling is not known: auth.*",
    403: "The caller may not: auth.*",
    404: "Something that was named does not exist",
    408: "The request did not arrive in time: request.timeout",
    409: "The state of things does not allow it",
    413: "The request is too large: request.too_large",
    415: "The body is not application/json: request.media_type",
    422: "A field is not valid: request.invalid with details.fields",
    429: "Too many requests: rate.limited",
    500: "Something went wrong on our side: system.internal",
    503: "A part of the service cannot answer: system.unavailable",
}
_TEXT: Final[dict[str, Any]] = {"type": "string"}
_LANGUAGE: Final[dict[str, Any]] = {"type": "string", "enum": ["zh-CN", "en-US", "ja-JP"]}
_ALWAYS: Final = {"Content-Language": _LANGUAGE, "X-Trace-Id": _TEXT, "X-Server-Time": _TEXT}
_LIMIT: Final = {"X-RateLimit-Limit": _TEXT, "X-RateLimit-Remaining": _TEXT, "X-RateLimit-Reset": _TEXT}
_ERROR: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}
_NARROWED: Final[Mapping[str, Mapping[str, Any]]] = {
    "symbols": {
        "type": "string",
        "minLength": 1,
        "pattern": "^[^,]+(,[^,]+)*$",
        "example": "AAPL.US,TSLA.US",
    },
    "symbol": {"type": "string", "minLength": 1, "example": "AAPL.US"},
    "asset_class": {"type": "string", "enum": list(ASSET_CLASSES)},
    "X-PM-ROLE": {"type": "string", "enum": list(ADMIN_ROLES)},
}


def build_document(contract: Document, additions: Document) -> Document:
    """An OpenAPI 3.0.3 document that keeps clients of the contract working."""
    document: Document = _merged(copy.deepcopy(contract), additions)
    del document["components"]["parameters"]["AcceptLanguage"]["schema"]["enum"]
    del document["components"]["parameters"]["AcceptLanguage"]["schema"]["default"]
    for item in document["paths"].values():
        for method in METHODS:
            if method in item:
                _complete(item[method])
    return document


def _merged(base: Any, over: Any) -> Any:
    """`over` laid on `base`; a reference is replaced as a whole, as nothing may stand beside it."""
    if not isinstance(base, dict) or not isinstance(over, dict) or "$ref" in base or "$ref" in over:
        return copy.deepcopy(over)
    for name, value in over.items():
        base[name] = _merged(base[name], value) if name in base else copy.deepcopy(value)
    return base


def _complete(operation: dict[str, Any]) -> None:
    if is_of_people(operation):
        _complete_of_people(operation)
    else:
        _complete_of_keys(operation)


def _complete_of_people(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    _narrow(operation)
    for status in statuses_of_people(operation):
        named = responses.get(str(status), {})
        responses[str(status)] = _error(status, named.get("description"))
    responses["200"]["headers"] = _headers({**_ALWAYS, **_LIMIT})
    for status, response in responses.items():
        response["headers"] |= headers_of_people(operation, int(status))


def _complete_of_keys(operation: dict[str, Any]) -> None:
    """Operations that are signed with an API key, and reads for anyone."""
    responses = operation["responses"]
    if operation.get("security") != []:
        operation["parameters"].append({"$ref": "#/components/parameters/XPmRecvWindow"})
    if is_of_account(operation):
        operation["parameters"] += parameters_of_account(operation)
    _narrow(operation)
    statuses = _statuses_of_keys(operation)
    for status in statuses:
        named = responses.get(str(status), {}).get("description") if is_of_access(operation) else None
        responses[str(status)] = _error(status, named)
    for status, said in responses.items():
        if "content" not in said and "$ref" not in said:  # an error that the operation names itself
            responses[status] = _error(int(status), said["description"])
    responses["200"]["headers"] = _headers({**_ALWAYS, **_LIMIT})
    for status in (200, *statuses):
        if is_of_access(operation):
            responses[str(status)]["headers"] |= headers_of_access(operation, status)
        if is_of_account(operation):
            responses[str(status)]["headers"] |= headers_of_account(operation, status)


def _statuses_of_keys(operation: dict[str, Any]) -> tuple[int, ...]:
    """The errors that an operation may answer."""
    statuses = _PUBLIC_ERRORS if operation.get("security") == [] else _SIGNED_ERRORS
    if operation["operationId"] in _LOOKED_UP:
        statuses = (*statuses, 404)
    if is_of_account(operation):
        statuses = (*statuses, *statuses_of_account(operation))
    if is_of_access(operation):
        statuses = (*statuses, *statuses_of_access(operation))
    return statuses


def _narrow(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter.get("name") in _NARROWED:
            parameter["schema"] = dict(_NARROWED[parameter["name"]])


def _error(status: int, description: str | None = None) -> dict[str, Any]:
    headers = _headers(_ALWAYS)
    if status == 429:
        headers |= _headers({**_LIMIT, "Retry-After": _TEXT})
    said = description or _DESCRIPTIONS[status]
    return {"description": said, "headers": headers, "content": copy.deepcopy(_ERROR)}


def _headers(schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: {"required": True, "schema": dict(schema)} for name, schema in schemas.items()}
