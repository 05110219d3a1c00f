"""Success and error answers of every built operation against the contract and against the served document."""

import pytest
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from gateway.http.contract import load_additions, load_contract
from gateway.http.openapi import build_document

CONTRACT = load_contract()
DOCUMENT = build_document(CONTRACT, load_additions())
SUCCESSES = [
    "/v1/status",
    "/v1/markets?page_size=2",
    "/v1/quotes?symbols=AAPL.US,TSLA.US,BTCUSDT.BINANCE,QUIET.US&depth=40",
    "/v1/bars?symbol=AAPL.US&timeframe=1m&limit=3",
    "/v1/calendar?date=2024-07-04",
    "/public/v1/time",
    "/public/v1/errors",
]
ERRORS = [
    ("/v1/status", {"X-PM-SIGNATURE": "00"}, 401),
    ("/v1/markets?page_size=0", {}, 422),
    ("/v1/markets?venue=NONE", {}, 404),
    ("/v1/quotes?symbols=NONE.X", {}, 404),
    ("/v1/quotes", {"X-PM-TIMESTAMP": "1"}, 401),
    ("/v1/bars?symbol=AAPL.US&timeframe=7m", {}, 422),
    ("/v1/calendar?date=x", {}, 422),
]


def violations(document, target, status, answer):
    """Where `answer` breaks the schema that `document` has for the status; None when it has none."""
    path = target.partition("?")[0]
    responses = document["paths"].get(path, {}).get("get", {}).get("responses", {})
    response = responses.get(str(status))
    if response is None:
        return None
    while "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = response["content"]["application/json"]["schema"]
    rooted = {"allOf": [schema], "components": document["components"]}
    validator = OAS30Validator(rooted, format_checker=oas30_format_checker)
    return [error.message for error in validator.iter_errors(answer)]


@pytest.mark.parametrize("target", SUCCESSES)
async def test_success_follows_contract_and_document(gateway, target):
    response = await gateway.get(target)
    answer = await response.get_json()
    assert response.status_code == 200
    assert not violations(CONTRACT, target, 200, answer)
    assert violations(DOCUMENT, target, 200, answer) == []


@pytest.mark.parametrize(("target", "change", "status"), ERRORS)
async def test_error_follows_contract_and_document(gateway, target, change, status):
    response = await gateway.get(target, change)
    answer = await response.get_json()
    assert response.status_code == status
    assert not violations(CONTRACT, target, status, answer)
    assert violations(DOCUMENT, target, status, answer) == []
    declared = DOCUMENT["paths"][target.partition("?")[0]]["get"]["responses"][str(status)]["headers"]
    assert all(name in response.headers for name, header in declared.items() if header["required"])
