"""`/docs`: the OpenAPI document as one page without scripts and without any foreign host."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, select_autoescape

from gateway.http.contract import METHODS, Document

_TEMPLATE: Final = (Path(__file__).parent / "docs.html").read_text(encoding="utf-8")
_STYLE: Final = _TEMPLATE.partition("<style>")[2].partition("</style>")[0]
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
DOCS_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'".encode()
)


def docs_page(document: Document) -> str:
    """The page's HTML: operations by tag, each with parameters, body and answers, then the schemas."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                operation = methods[method]
                groups.setdefault(operation["tags"][0], []).append(_shown(path, method, operation, document))
    template = Environment(autoescape=select_autoescape(default_for_string=True)).from_string(_TEMPLATE)
    schemas = {name: _pretty(schema) for name, schema in sorted(document["components"]["schemas"].items())}
    return template.render(info=document["info"], groups=groups, schemas=schemas)


def _shown(path: str, method: str, operation: dict[str, Any], document: Document) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "description": operation.get("description", ""),
        "available": "501" not in operation["responses"],
        "parameters": [_parameter(item, document) for item in operation.get("parameters", ())],
        "body": _pretty(body) if body else None,
        "responses": {
            status: response.get("description") or _resolved(response, document)["description"]
            for status, response in sorted(operation["responses"].items())
        },
        "schema": _name_of_schema(operation["responses"]["200"]),
    }


def _parameter(item: dict[str, Any], document: Document) -> dict[str, Any]:
    found = _resolved(item, document)
    return {
        "name": found["name"],
        "where": found["in"],
        "required": found.get("required", False),
        "schema": json.dumps(found["schema"], ensure_ascii=False),
        "description": found.get("description", ""),
    }


def _resolved(item: dict[str, Any], document: Document) -> dict[str, Any]:
    found: Any = item
    while "$ref" in found:
        target: Any = document
        for part in found["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        found = target
    return dict(found)


def _name_of_schema(response: dict[str, Any]) -> str | None:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    reference = schema.get("$ref")
    return reference.rpartition("/")[2] if reference else None


def _pretty(schema: Any) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False)
