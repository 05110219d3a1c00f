"""The operations of the contract that later work brings. This list can only shrink."""

import pytest

from gateway.app import not_implemented
from gateway.http.contract import load_contract, operations_of

NOT_IMPLEMENTED: set[str] = set()
OPERATIONS = operations_of(load_contract())


def test_the_contract_has_53_operations():
    assert len(OPERATIONS) == 53


def test_nothing_else_is_unbuilt():
    assert {operation.operation_id for operation in not_implemented(OPERATIONS)} == NOT_IMPLEMENTED


@pytest.mark.parametrize("operation", not_implemented(OPERATIONS), ids=lambda operation: operation.operation_id)
async def test_answers_501_before_the_signature_is_looked_at(gateway, operation):
    path = operation.path.replace("{", "some_").replace("}", "")
    response = await gateway.open(operation.method, path, {"Accept-Language": "ja"})
    answer = await response.get_json()
    assert response.status_code == 501
    assert answer["error"]["code"] == "system.not_implemented"
    assert answer["error"]["details"] == {"operation": operation.operation_id}
    assert response.headers["Content-Language"] == "ja-JP"
