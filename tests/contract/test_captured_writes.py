"""A signed write that somebody has captured: sent again it gets the stored answer and does nothing, or 401."""

import asyncio
import json

import pytest

from ops.runtime.clock import milliseconds
from tests.integration.orders.trading_place import COIN

ORDER = {"symbol": COIN, "side": "buy", "type": "limit", "quantity": "0.01", "price": "50000"}
UNKNOWN = json.dumps({"orders": [{**ORDER, "symbol": "NO.SUCH"}]}).encode()
KEY = "the key of a client"


def captured(gateway, path: str, body: bytes, behind: int = 0) -> dict[str, str]:
    """What went over the wire, signed `behind` ms ago."""
    timestamp = str(milliseconds(gateway.clock.now()) - behind)
    signed = gateway.signed_headers("POST", path, body=body, idempotency_key=KEY, timestamp=timestamp)
    return {**signed, "Idempotency-Key": KEY, "Content-Type": "application/json"}


async def replay(gateway, path: str, body: bytes, sent: dict[str, str]):
    response = await gateway.open("POST", path, sent, data=body)
    return response, await response.get_data()


async def code_of(gateway, path: str, body: bytes, sent: dict[str, str]) -> tuple[int, str]:
    response, answer = await replay(gateway, path, body, sent)
    return response.status_code, json.loads(answer)["error"]["code"]


async def orders_after(gateway, response) -> list[str]:
    """The ids of all orders, once reads show what that response was about."""
    wanted = {"X-Min-Account-Seq": response.headers["X-Account-Seq"]}
    async with asyncio.timeout(20):
        while (read := await gateway.get("/v1/orders", wanted)).status_code != 200:
            assert (await read.get_json())["error"]["code"] == "read.behind"
    return [order["order_id"] for order in (await read.get_json())["data"]["items"]]


async def test_it_has_no_second_effect(trading_gateway):
    body = json.dumps(ORDER).encode()
    sent = captured(trading_gateway, "/v1/orders", body)
    response, first = await replay(trading_gateway, "/v1/orders", body, sent)
    assert response.status_code == 200
    for _ in range(3):
        again, answer = await replay(trading_gateway, "/v1/orders", body, sent)
        assert (again.status_code, answer, again.headers["Idempotency-Replayed"]) == (200, first, "true")
    assert await orders_after(trading_gateway, response) == [json.loads(first)["data"]["order_id"]]


@pytest.mark.parametrize("change", [{"Idempotency-Key": "another key"}, {"X-PM-TIMESTAMP": "now"}])
async def test_nothing_signed_can_be_changed(trading_gateway, change):
    body = json.dumps(ORDER).encode()
    sent = captured(trading_gateway, "/v1/orders", body, behind=1)
    response, _ = await replay(trading_gateway, "/v1/orders", body, sent)
    if "X-PM-TIMESTAMP" in change:
        change = {"X-PM-TIMESTAMP": str(milliseconds(trading_gateway.clock.now()))}
    refused = await code_of(trading_gateway, "/v1/orders", body, {**sent, **change})
    assert refused == (401, "auth.signature_invalid")
    assert len(await orders_after(trading_gateway, response)) == 1


@pytest.mark.parametrize(
    ("later_ms", "status"), [(0, 200), (5_000, 200), (5_001, 401), (6_000, 401), (86_400_000, 401)]
)
async def test_after_the_window_it_is_not_even_looked_up(gateway, later_ms, status):
    sent = captured(gateway, "/v1/orders/batch", UNKNOWN)
    _, first = await replay(gateway, "/v1/orders/batch", UNKNOWN, sent)
    gateway.clock.advance(later_ms / 1_000)
    response, answer = await replay(gateway, "/v1/orders/batch", UNKNOWN, sent)
    assert response.status_code == status
    if status == 200:
        assert answer == first
    else:
        assert json.loads(answer)["error"]["code"] == "auth.timestamp_outside_window"


@pytest.mark.parametrize("window", ["60000", "999999999"])
async def test_the_window_cannot_be_widened_by_who_captured_it(gateway, window):
    sent = captured(gateway, "/v1/orders/batch", UNKNOWN)
    gateway.clock.advance(6)
    refused = await code_of(gateway, "/v1/orders/batch", UNKNOWN, {**sent, "X-PM-RECV-WINDOW": window})
    assert refused == (401, "auth.timestamp_outside_window")
