"""Success and error answers of every trading and account operation, before the whole road, against contract and document."""

import asyncio
import json
from itertools import count

import pytest
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from gateway.http.contract import load_additions, load_contract, operations_of
from gateway.http.openapi import build_document
from tests.integration.orders.trading_place import COIN

CONTRACT = load_contract()
DOCUMENT = build_document(CONTRACT, load_additions())
LIMIT = {"symbol": COIN, "side": "buy", "type": "limit", "quantity": "0.01", "price": "50000"}
MARKET = {"symbol": COIN, "side": "buy", "type": "market", "quantity": "0.01"}


def schema_of(document, operation, status):
    """The schema that a document has for an answer; None when it has none."""
    path, method = next((one.path, one.method) for one in operations_of(document) if one.operation_id == operation)
    response = document["paths"][path][method.lower()]["responses"].get(str(status))
    if response is None:
        return None
    while "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return {"allOf": [response["content"]["application/json"]["schema"]], "components": document["components"]}


def violations(document, operation, status, answer):
    if operation not in {one.operation_id for one in operations_of(document)}:
        return []
    schema = schema_of(document, operation, status)
    if schema is None:
        return []
    validator = OAS30Validator(schema, format_checker=oas30_format_checker)
    return [error.message for error in validator.iter_errors(answer)]


class Client:
    """Sends signed requests and holds every answer against contract and document."""

    def __init__(self, gateway) -> None:
        self._gateway = gateway
        self._keys = (f"key-of-test-{number}" for number in count())
        self.seen = set()

    async def read(self, operation, target, status=200, **headers):
        return await self._held(operation, await self._get(target, headers), status)

    async def caught_up(self, operation, target, **headers):
        """What is read once the read models are there; a busy machine may be behind for longer than a read waits."""
        async with asyncio.timeout(20):
            while (response := await self._get(target, headers)).status_code != 200:
                behind = await self._held(operation, response, response.status_code)
                assert behind["code"] in {"read.behind", "order.not_found"}
        return await self._held(operation, response, 200)

    async def _get(self, target, headers):
        path, _, query = target.partition("?")
        signed = self._gateway.signed_headers("GET", path, query)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._gateway.open("GET", target, {**signed, **sent})

    async def write(self, operation, method, path, body, status=200, *, key=None, **headers):
        content = json.dumps(body).encode()
        key = next(self._keys) if key is None else key
        signed = self._gateway.signed_headers(method, path, body=content, idempotency_key=key)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Content-Type": "application/json", "Idempotency-Key": key, **signed, **named}
        response = await self._gateway.open(method, path, sent, data=content)
        return await self._held(operation, response, status)

    async def _held(self, operation, response, status):
        answer = await response.get_json()
        assert response.status_code == status, answer
        assert violations(CONTRACT, operation, status, answer) == []
        assert schema_of(DOCUMENT, operation, status) is not None, f"{operation} does not document {status}"
        assert violations(DOCUMENT, operation, status, answer) == []
        self.seen.add((operation, status))
        return answer["data"] if status == 200 else answer["error"]


@pytest.fixture
def client(trading_gateway) -> Client:
    return Client(trading_gateway)


async def test_orders_from_placing_to_the_fill(client):
    placed = await client.write("placeOrder", "POST", "/v1/orders", {**LIMIT, "client_order_id": "mine-1"})
    again = await client.write("placeOrder", "POST", "/v1/orders", {**LIMIT, "client_order_id": "mine-1"})
    assert again["order_id"] == placed["order_id"]
    assert again["duplicate"] is True
    one = f"/v1/orders/{placed['order_id']}"
    amended = await client.write("amendOrder", "PATCH", one, {"quantity": "0.005"})
    assert amended["quantity"] == "0.005"
    filled = await client.write("placeOrder", "POST", "/v1/orders", {**MARKET, "client_order_id": "sim:partial:2:a"})
    position = []
    while not position:
        seq = str(filled["seq"] + 1)
        position = (await client.caught_up("getPositions", "/v1/positions", X_Min_Account_Seq=seq))["items"]
        fills = await client.read("listFills", f"/v1/fills?order_id={filled['order_id']}")
    assert fills["items"][0]["price"] == "60010"
    found = await client.read("getOrderByClientId", "/v1/orders/by-client-id/mine-1")
    assert found["order_id"] == placed["order_id"]
    assert (await client.read("getOrder", one))["status"] == "new"
    assert placed["order_id"] in [item["order_id"] for item in (await client.read("listOrders", "/v1/orders"))["items"]]
    overview = await client.read("getAccountOverview", "/v1/accounts")
    assert overview["as_of_seq"] >= filled["seq"]
    canceled = await client.write("cancelOrders", "POST", "/v1/orders/cancel", {"order_ids": [placed["order_id"], "x"]})
    assert canceled["canceled"] + canceled["pending"] == [placed["order_id"]]
    assert canceled["failed"] == [{"order_id": "x", "error_code": "order.not_found"}]


async def test_batches_and_cancelling_all(client):
    items = [LIMIT, 5, {**LIMIT, "price": "50000.001"}, {**LIMIT, "symbol": "NONE"}, {**LIMIT, "strategy_id": "grid"}]
    results = (await client.write("placeBatchOrders", "POST", "/v1/orders/batch", {"orders": items}))["results"]
    assert [one["index"] for one in results] == [0, 1, 2, 3, 4]
    assert [one["ok"] for one in results] == [True, False, False, False, True]
    assert [one.get("error_code") for one in results[1:4]] == [
        "request.invalid",
        "order.tick_size",
        "market.unknown_symbol",
    ]
    narrowed = await client.write("cancelAllOrders", "POST", "/v1/orders/cancel-all", {"strategy_id": "grid"})
    assert narrowed["canceled"] + narrowed["pending"] == [results[4]["order_id"]]
    rest = await client.write("cancelAllOrders", "POST", "/v1/orders/cancel-all", {})
    assert results[0]["order_id"] in rest["canceled"] + rest["pending"]


async def test_switch_state_limits_and_signals(client):
    armed = await client.write("cancelAllAfter", "POST", "/v1/orders/cancel-all-after", {"timeout_ms": 60_000})
    assert armed["armed"] is True
    off = await client.write("cancelAllAfter", "POST", "/v1/orders/cancel-all-after", {"timeout_ms": 0})
    assert off == {"armed": False, "deadline": None}
    state = await client.write("setTradingState", "PUT", "/v1/accounts/trading-state", {"state": "halted"})
    assert (state["state"], state["set_by"]) == ("halted", "account")
    refused = await client.write("placeOrder", "POST", "/v1/orders", LIMIT, 409)
    assert refused["code"] == "risk.trading_halted"
    denied = await client.caught_up("getOrder", f"/v1/orders/{refused['details']['order_id']}")
    assert (denied["status"], denied["reason"]) == ("rejected", "risk.trading_halted")
    assert (await client.read("getTradingState", "/v1/accounts/trading-state"))["state"] == "halted"
    assert (await client.read("getAccountLimits", "/v1/accounts/limits"))["max_open_orders"] > 0
    assert (await client.read("listRiskSignals", "/v1/risk/signals"))["items"] == []


async def test_a_repeat_has_the_bytes_of_the_first(client):
    first = await client.write("placeOrder", "POST", "/v1/orders", LIMIT, key="the-same-key")
    assert await client.write("placeOrder", "POST", "/v1/orders", LIMIT, key="the-same-key") == first
    error = await client.write("placeOrder", "POST", "/v1/orders", {**LIMIT, "price": "1"}, 409, key="the-same-key")
    assert error["code"] == "idempotency.mismatch"


WRITES = [
    ("placeOrder", "POST", "/v1/orders", LIMIT),
    ("placeBatchOrders", "POST", "/v1/orders/batch", {"orders": [LIMIT]}),
    ("amendOrder", "PATCH", "/v1/orders/ord_x", {"price": "50001"}),
    ("cancelOrders", "POST", "/v1/orders/cancel", {"symbol": COIN}),
    ("cancelAllOrders", "POST", "/v1/orders/cancel-all", {}),
    ("cancelAllAfter", "POST", "/v1/orders/cancel-all-after", {"timeout_ms": 0}),
    ("setTradingState", "PUT", "/v1/accounts/trading-state", {"state": "active"}),
]
READS = [
    ("listOrders", "/v1/orders"),
    ("getOrder", "/v1/orders/x"),
    ("getOrderByClientId", "/v1/orders/by-client-id/x"),
    ("listFills", "/v1/fills"),
    ("getPositions", "/v1/positions"),
    ("getAccountOverview", "/v1/accounts"),
    ("getAccountLimits", "/v1/accounts/limits"),
    ("getTradingState", "/v1/accounts/trading-state"),
    ("listRiskSignals", "/v1/risk/signals"),
]


async def test_refusals_of_writes(client):
    for operation, method, path, body in WRITES:
        unknown = await client.write(operation, method, path, {**body, "reduce_onIy": True}, 422)
        assert [field["name"] for field in unknown["details"]["fields"]] == ["reduce_onIy"]
        assert (await client.write(operation, method, path, body, 422, key=""))["code"] == "idempotency.key_required"
        await client.write(operation, method, path, body, 401, X_PM_SIGNATURE="00")
        media = await client.write(operation, method, path, body, 415, Content_Type="text/plain")
        assert media["code"] == "request.media_type"
    assert (await client.write(*WRITES[2], 404))["code"] == "order.not_found"
    assert (await client.write("placeOrder", "POST", "/v1/orders", {**LIMIT, "symbol": "NONE"}, 404))["code"] == (
        "market.unknown_symbol"
    )
    for empty in ({}, {"order_ids": []}, {"symbol": None}):
        error = await client.write("cancelOrders", "POST", "/v1/orders/cancel", empty, 422)
        assert error["code"] == "cancel.empty_selector"
    for short in ("99", "3001", "soon"):
        await client.write("placeOrder", "POST", "/v1/orders", LIMIT, 422, X_PM_VALID_FOR=short)


async def test_refusals_of_reads(client):
    for operation, target in READS:
        assert (await client.read(operation, target, 422, X_Min_Account_Seq="x"))["code"] == "request.invalid"
        await client.read(operation, target, 401, X_PM_TIMESTAMP="1")
    for operation, target in READS[1:3]:
        assert (await client.read(operation, target, 404))["code"] == "order.not_found"
    for operation in ("listOrders", "listFills", "getPositions"):
        target = dict(READS)[operation]
        assert (await client.read(operation, f"{target}?symbol=NONE", 404))["code"] == "market.unknown_symbol"
        assert (await client.read(operation, f"{target}?page_token=x", 404))["code"] == "page_token.not_found"
    behind = await client.read("getAccountOverview", "/v1/accounts", 409, X_Min_Account_Seq="999999")
    assert behind["code"] == "read.behind"


async def test_an_account_that_is_not_open(trading_gateway, client):
    tenants = trading_gateway.tenants.tenants
    tenants["ten_1"] = tenants["ten_1"].model_copy(update={"account_ids": ()})
    for operation, method, path, body in WRITES:
        assert (await client.write(operation, method, path, body, 409))["code"] == "account.not_open"
    for operation, target in READS:
        assert (await client.read(operation, target, 409))["code"] == "account.not_open"
