"""Every answer that a test of trading gets is held against the contract and the served document."""

import re
from functools import lru_cache
from typing import Any

from openapi_schema_validator import OAS30Validator

from gateway.http.contract import load_additions, load_contract
from gateway.http.openapi import build_document

CONTRACT = load_contract()
DOCUMENT = build_document(CONTRACT, load_additions())


def violations(method: str, path: str, status: int, answer: Any) -> list[str]:
    """Where an answer breaks what either says of its status; that the document does not list the status is one, too."""
    template = _template(path)
    if str(status) not in DOCUMENT["paths"][template][method.lower()]["responses"]:
        return [f"{method} {template} does not list {status}"]
    found = []
    for name in ("contract", "document"):
        validator = _validator(name, template, method.lower(), str(status))
        if validator is not None:
            found += [f"{name}: {error.message}" for error in validator.iter_errors(answer)]
    return found


@lru_cache
def _template(path: str) -> str:
    """The path of the document that `path` is an example of."""
    if path in DOCUMENT["paths"]:
        return path
    shapes = {one: re.sub(r"\\{[^/]*\\}", "[^/]+", re.escape(one)) for one in DOCUMENT["paths"]}
    return next(one for one, shape in shapes.items() if re.fullmatch(shape, path))


@lru_cache
def _validator(name: str, template: str, method: str, status: str) -> OAS30Validator | None:
    document = CONTRACT if name == "contract" else DOCUMENT
    response = document["paths"].get(template, {}).get(method, {}).get("responses", {}).get(status)
    if response is None:
        return None
    while "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = response["content"]["application/json"]["schema"]
    return OAS30Validator({"allOf": [schema], "components": document["components"]})
