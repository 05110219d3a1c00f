"""What stands before every write: signature, scope, key, limits, one strict JSON object; nothing here reaches the core."""

import json

import pytest

LIMIT_ORDER = {"symbol": "AAPL.US", "side": "buy", "type": "limit", "quantity": "1", "price": "100"}


async def send(gateway, path, body, *, method="POST", key="a-key-of-mine", headers=None, **change):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = gateway.signed_headers(method, path, body=raw, idempotency_key=key or "", **change)
    named = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key is not None else {})}
    response = await gateway.open(method, path, {**signed, **named, **(headers or {})}, data=raw)
    return response, await response.get_json()


async def refusal(gateway, path, body, status, **more):
    response, answer = await send(gateway, path, body, **more)
    assert response.status_code == status, answer
    return answer["error"]


@pytest.mark.parametrize("key", [None, "seven77", "x" * 73])
async def test_a_write_needs_a_key(gateway, key):
    error = await refusal(gateway, "/v1/orders", LIMIT_ORDER, 422, key=key)
    assert error["code"] == "idempotency.key_required"


async def test_the_key_is_signed(gateway):
    raw = json.dumps(LIMIT_ORDER).encode()
    headers = gateway.signed_headers("POST", "/v1/orders", body=raw, idempotency_key="one-of-mine")
    sent = {**headers, "Idempotency-Key": "another-one", "Content-Type": "application/json"}
    response = await gateway.open("POST", "/v1/orders", sent, data=raw)
    assert (await response.get_json())["error"]["code"] == "auth.signature_invalid"


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", {}, 422, "request.malformed"),
        (b'{"symbol":"a","symbol":"b"}', {}, 422, "request.malformed"),
        (b"[]", {}, 422, "request.malformed"),
        (b"", {}, 422, "request.malformed"),
        (LIMIT_ORDER, {"Content-Type": "text/plain"}, 415, "request.media_type"),
        ({**LIMIT_ORDER, "reduce_onIy": True}, {}, 422, "request.invalid"),
        ({**LIMIT_ORDER, "quantity": 1}, {}, 422, "request.invalid"),
        ({**LIMIT_ORDER, "symbol": "NO.SUCH"}, {}, 404, "market.unknown_symbol"),
        (LIMIT_ORDER, {"X-PM-VALID-FOR": "99"}, 422, "request.invalid"),
        (LIMIT_ORDER, {"X-PM-VALID-FOR": "3001"}, 422, "request.invalid"),
        (LIMIT_ORDER, {"X-PM-VALID-FOR": "1e3"}, 422, "request.invalid"),
        (LIMIT_ORDER, {"X-PM-VALID-FOR": "0000010009"}, 422, "request.invalid"),
        (LIMIT_ORDER, {"X-PM-VALID-FOR": "1" * 5_000}, 422, "request.invalid"),
    ],
)
async def test_what_is_refused_by_the_body_alone(gateway, body, headers, status, code):
    error = await refusal(gateway, "/v1/orders", body, status, headers=headers)
    assert error["code"] == code


async def test_orders_are_counted_by_items_and_cancels_apart(gateway):
    batch = {"orders": 50 * [{}]}
    response, answer = await send(gateway, "/v1/orders/batch", batch)
    assert {one["error_code"] for one in answer["data"]["results"]} == {"request.invalid"}
    assert "X-Account-Seq" not in response.headers
    error = await refusal(gateway, "/v1/orders", LIMIT_ORDER, 429, key="the-51st-of-a-second")
    assert (error["code"], error["retryable"]) == ("rate.limited", True)
    assert (error["details"]["limit"], error["details"]["amount"], error["details"]["per_seconds"]) == ("orders", 50, 1)
    error = await refusal(gateway, "/v1/orders/cancel", {}, 422)
    assert error["code"] == "cancel.empty_selector"
    assert gateway.measures.refused == ["orders"]


async def test_what_a_second_refuses_takes_nothing_of_the_day(remade, clock):
    gateway = remade(orders_per_second=2, orders_per_day=5)
    for second in range(2):
        response, _ = await send(gateway, "/v1/orders/batch", {"orders": [{}, {}]})
        assert response.headers["X-RateLimit-Limit"] == "2"
        for _ in range(3):
            error = await refusal(gateway, "/v1/orders", LIMIT_ORDER, 429, key=f"too-much-of-second-{second}")
            assert error["details"]["limit"] == "orders"
        clock.advance(1)
    error = await refusal(gateway, "/v1/orders/batch", {"orders": [{}, {}]}, 429)
    assert (error["details"]["limit"], error["details"]["per_seconds"]) == ("orders-day", 86_400)


async def test_a_batch_without_one_order_is_repeated_as_it_was(gateway):
    body = {"orders": [{**LIMIT_ORDER, "symbol": "NO.SUCH"}, {}]}
    _, first = await send(gateway, "/v1/orders/batch", body)
    response, again = await send(gateway, "/v1/orders/batch", body)
    assert again == first
    assert response.headers["Idempotency-Replayed"] == "true"
    assert [one["error_code"] for one in first["data"]["results"]] == ["market.unknown_symbol", "request.invalid"]


async def test_a_key_without_the_scope_may_not_write(gateway):
    gateway.keys.keys["pmk_test"] = gateway.keys.keys["pmk_test"].model_copy(update={"scopes": ("trade:read",)})
    error = await refusal(gateway, "/v1/orders", LIMIT_ORDER, 403)
    assert error["details"] == {"scope": "trade:write"}


async def test_a_tenant_without_an_account_cannot_trade(gateway):
    tenant = gateway.tenants.tenants["ten_1"]
    gateway.tenants.tenants["ten_1"] = tenant.model_copy(update={"account_ids": ()})
    for path, body in (("/v1/orders", LIMIT_ORDER), ("/v1/orders/cancel-all", {})):
        error = await refusal(gateway, path, body, 409)
        assert error["code"] == "account.not_open"
