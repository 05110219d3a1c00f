"""Every operation of the contract, and each that the hub adds in its document, is a route; no other is."""

from gateway.app import BUILT
from gateway.http.contract import load_additions, load_contract, operations_of
from gateway.http.openapi import build_document

PROMISED = {operation.operation_id for operation in operations_of(load_contract())}


def test_the_contract_has_53_operations_and_all_are_served() -> None:
    assert len(PROMISED) == 53
    assert PROMISED <= BUILT


def test_the_document_tells_of_every_route_and_of_nothing_else() -> None:
    documented = operations_of(build_document(load_contract(), load_additions()))
    assert {operation.operation_id for operation in documented} == BUILT


def test_each_is_routed_under_its_method_and_path(gateway) -> None:
    routed = {(rule.endpoint, method) for rule in gateway.app.url_map.iter_rules() for method in rule.methods or ()}
    documented = operations_of(build_document(load_contract(), load_additions()))
    assert {(operation.operation_id, operation.method) for operation in documented} <= routed
