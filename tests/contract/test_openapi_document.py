"""The served document: valid, and such that clients of the contract keep working."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from openapi_schema_validator import OAS30Validator

from gateway.app import BUILT
from gateway.http.contract import CONTRACT_PATH, load_additions, load_contract, operations_of
from gateway.http.openapi import build_document


@pytest.fixture(scope="module")
def document():
    return build_document(load_contract(), load_additions(), BUILT)


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
            assert ("501" in statuses) != (operation["operationId"] in BUILT)
            if operation["operationId"] in BUILT:
                assert statuses >= {"200", "422", "429", "500"}


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
