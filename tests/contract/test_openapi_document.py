"""The served document: valid, and such that clients of the contract keep working."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from openapi_schema_validator import OAS30Validator

from gateway.http.contract import CONTRACT_PATH, load_additions, load_contract, operations_of
from gateway.http.openapi import build_document


@pytest.fixture(scope="module")
def document():
    return build_document(load_contract(), load_additions())


def test_contract_is_the_one_that_was_handed_out(shared_data: Path):
    assert CONTRACT_PATH.read_bytes() == (shared_data.parent / "contract" / "openapi.yaml").read_bytes()


def test_document_keeps_every_operation_and_answer_of_the_contract(document):
    contract = load_contract()
    assert set(operations_of(contract)) <= set(operations_of(document))
    for path, methods in contract["paths"].items():
        for method, operation in methods.items():
            assert operation["responses"].keys() <= document["paths"][path][method]["responses"].keys()
            named = [item.get("name") or item["$ref"] for item in operation.get("parameters", ())]
            kept = [item.get("name") or item["$ref"] for item in document["paths"][path][method].get("parameters", ())]
            assert kept[: len(named)] == named


def test_document_adds_fields_and_takes_none_away(document):
    before, after = load_contract()["components"]["schemas"], document["components"]["schemas"]
    for name, schema in before.items():
        assert schema.get("properties", {}).keys() <= after[name].get("properties", {}).keys()
    assert after["Quote"]["properties"].keys() >= {"feed_state", "age_ms", "seq", "bids", "asks"}
    assert after["Bar"]["properties"].keys() >= {"vwap", "notional", "trades", "final", "revision"}


def test_document_frees_accept_language(document):
    assert document["components"]["parameters"]["AcceptLanguage"]["schema"] == {"type": "string"}


def test_every_schema_is_a_schema(document):
    for schema in document["components"]["schemas"].values():
        OAS30Validator.check_schema(schema)


def test_every_reference_leads_somewhere(document):
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        target = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        assert isinstance(target, dict)


def test_built_operations_document_their_errors(document):
    for methods in document["paths"].values():
        for operation in methods.values():
            statuses = operation["responses"].keys()
            assert statuses >= {"200", "422", "429", "500"}
            assert "501" not in statuses


def holds(document, schema, value):
    """Whether `value` fits a schema of the document."""
    rooted = {"allOf": [{"$ref": f"#/components/schemas/{schema}"}], "components": document["components"]}
    return OAS30Validator(rooted).is_valid(value)


LIMIT = {"symbol": "AAPL.US", "side": "buy", "type": "limit", "quantity": "1", "price": "100"}


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"time_in_force": "FOK"}, True),
        ({"post_only": True, "time_in_force": "DAY"}, True),
        ({"post_only": True, "time_in_force": "IOC"}, False),
        ({"type": "market"}, False),
        ({"type": "stop", "stop_price": "90"}, True),
        ({"type": "stop"}, False),
        ({"stop_price": "90"}, False),
        ({"notional": "100"}, False),
        ({"quantity": "0.00"}, False),
        ({"quantity": "0.010"}, True),
        ({"quantity": "1e3"}, False),
        ({"quantity": 1}, False),
        ({"symbol": ""}, False),
        ({"reduce_onIy": True}, False),
    ],
)
def test_orders_that_the_document_calls_valid(document, change, valid):
    assert holds(document, "PlaceOrderRequest", {**LIMIT, **change}) is valid


@pytest.mark.parametrize(
    ("selector", "valid"),
    [
        ({}, False),
        ({"order_ids": []}, False),
        ({"symbol": None}, False),
        ({"symbol": None, "strategy_id": "grid"}, True),
        ({"order_ids": ["ord_1"], "symbol": None}, True),
    ],
)
def test_cancel_selectors_must_say_something(document, selector, valid):
    assert holds(document, "CancelOrderRequest", selector) is valid


def test_items_of_a_batch_are_judged_alone(document):
    assert holds(document, "BatchOrderRequest", {"orders": [LIMIT, 5, {"symbol": ""}]})
    assert not holds(document, "BatchOrderRequest", {"orders": []})
    assert not holds(document, "BatchOrderRequest", {"orders": [LIMIT] * 51})


def test_operations_on_an_account_share_their_headers_and_conflicts(document):
    seen = set()
    for methods in document["paths"].values():
        for operation in methods.values():
            if not {"Trading", "Account"} & set(operation["tags"]):
                continue
            seen.add(operation["operationId"])
            responses = operation["responses"]
            parameters = {item.get("$ref", "").rpartition("/")[2] for item in operation["parameters"]}
            writes = "requestBody" in operation
            assert "409" in responses
            assert ("415" in responses) == writes
            assert ("XMinAccountSeq" in parameters) != writes
            assert ("IdempotencyKey" in parameters) == writes
            assert responses["200"]["headers"]["X-Account-Seq"]["required"] != writes
            assert ("Idempotency-Replayed" in responses["200"]["headers"]) == writes
    assert len(seen) == 16


async def test_served_as_json_and_as_a_page_without_foreign_hosts(gateway, document):
    response = await gateway.open("GET", "/openapi.json")
    assert response.headers["Content-Type"] == "application/json"
    assert await response.get_json() == document
    response = await gateway.open("GET", "/docs")
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    page = Page()
    page.feed(await response.get_data(as_text=True))
    assert page.scripts == 0
    assert all(link.startswith(("/", "#")) for link in page.links)
    assert page.identities >= {operation.operation_id for operation in operations_of(document)}


class Page(HTMLParser):
    """What a page loads and names."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.identities: set[str] = set()
        self.scripts = 0

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.links += [found[name] for name in ("href", "src", "action") if found.get(name)]
        self.identities |= {found["id"]} if "id" in found else set()
        self.scripts += tag in {"script", "iframe", "img", "link"}
