"""Every answer of a walk is held against the contract and the served document, and what was met is counted."""

import re
from collections.abc import Mapping
from typing import Any

from openapi_schema_validator import OAS30Validator, oas30_format_checker

from gateway.http.contract import load_additions, load_contract, operations_of
from gateway.http.openapi import build_document
from tests.contract.people import Answer, Person, Town

CONTRACT = load_contract()
DOCUMENT = build_document(CONTRACT, load_additions())
OPERATIONS = operations_of(DOCUMENT)
_RULES = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", one.path)), one) for one in OPERATIONS]


class CheckedTown(Town):
    """A town in which no answer is other than documented. `met` are the (operation, status) that were."""

    def __init__(self, gateway: Any) -> None:
        super().__init__(gateway)
        self.met: set[tuple[str, int]] = set()

    async def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        person: Person | None = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """As `Town.call`, and checked."""
        answer = await super().call(method, target, body, person, key=key, headers=headers)
        self.meet(answer)
        return answer

    def meet(self, answer: Answer) -> None:
        """An answer, which is as documented."""
        operation = operation_of(answer.method, answer.path)
        check(answer, operation.path)
        self.met.add((operation.operation_id, answer.status))


def operation_of(method: str, path: str) -> Any:
    """The operation of a request; a fixed path comes before one with parameters."""
    found = [one for rule, one in _RULES if one.method == method and rule.fullmatch(path)]
    assert found, (method, path)
    return min(found, key=lambda one: one.path.count("{"))


def check(answer: Answer, template: str) -> None:
    """The status is documented; body and headers are as the document and, where it lists the status, the contract say."""
    method = answer.method.lower()
    responses = DOCUMENT["paths"][template][method]["responses"]
    assert str(answer.status) in responses, (answer.method, template, answer.status, answer.raw)
    documented = responses[str(answer.status)]
    violations(DOCUMENT, documented, answer)
    promised = CONTRACT["paths"].get(template, {}).get(method, {}).get("responses", {}).get(str(answer.status))
    if promised is not None:
        violations(CONTRACT, promised, answer)
    missing = [
        name for name, header in documented["headers"].items() if header["required"] and name not in answer.headers
    ]
    assert not missing, (answer.method, template, answer.status, missing)
    undocumented = {name for name in ("Retry-After", "Idempotency-Replayed") if name in answer.headers} - documented[
        "headers"
    ].keys()
    assert not undocumented, (answer.method, template, answer.status, undocumented)
    assert answer.headers["X-Trace-Id"] == answer.body["trace_id"]


def violations(document: dict[str, Any], response: dict[str, Any], answer: Answer) -> None:
    """Asserts that there are none."""
    while "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    rooted = {"allOf": [response["content"]["application/json"]["schema"]], "components": document["components"]}
    validator = OAS30Validator(rooted, format_checker=oas30_format_checker)
    found = [error.message for error in validator.iter_errors(answer.body)]
    assert not found, (answer.method, answer.path, answer.status, found, answer.raw)
