"""The soak's orders and reads: signed requests on all gateways in turn, each timed and its answer counted by code."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from ops.bench.order_load import ORDERS_PATH, SYMBOL, Trader
from ops.bench.signing import signed
from ops.bench.soak.told import Told

_BELOW_THE_MARKET: Final = 0.98
_PRICE_SECONDS: Final = 20.0
READS: Final = {
    "quotes": f"/v1/quotes?symbols={SYMBOL}",
    "orders": "/v1/orders",
    "positions": "/v1/positions",
    "bars": f"/v1/bars?symbol={SYMBOL}&timeframe=1m&limit=10",
}
"""By name, as a client asks them. Each shows all that it may before delays are judged; what stands behind it may grow."""


class Trading:
    """Orders of four kinds in turn: an IOC limit below the market (canceled), a market order to buy, one to sell, and a
    resting limit that is canceled after its answer. So nothing piles up, and positions come and go.
    """

    def __init__(self, http: httpx.AsyncClient, gateways: Sequence[str], traders: Sequence[Trader], told: Told) -> None:
        self.begun: dict[str, int] = {}
        self._http, self._gateways, self._traders, self._told = http, gateways, traders, told
        self._price, self._priced_at = "", 0.0

    async def order(self, number: int) -> None:
        """One order; a resting one is canceled."""
        trader = self._traders[number % len(self._traders)]
        name = f"soak-{secrets.token_hex(8)}"
        body = {"symbol": SYMBOL, "quantity": "0.001", "client_order_id": name, **await self._kind(number)}
        self.begun[name] = began = time.perf_counter_ns()
        answer = await self._send("order", trader, number, ORDERS_PATH, body)
        if answer is None:
            self.begun.pop(name, None)
            return
        self._told.took("order answer", time.perf_counter_ns() - began)
        if body.get("time_in_force") == "GTC":
            order_id = answer["data"]["order_id"]
            await self._send("cancel", trader, number + 1, "/v1/orders/cancel", {"order_ids": [order_id]})

    async def read(self, number: int) -> None:
        """One of the reads, in turn."""
        name, target = list(READS.items())[number % len(READS)]
        began = time.perf_counter_ns()
        if await self._get(number, target) is not None:
            took = time.perf_counter_ns() - began
            self._told.took("read", took)
            self._told.took(f"read of {name}", took)

    async def _kind(self, number: int) -> dict[str, str]:
        which = number // len(self._traders) % 4
        if which in (1, 2):
            return {"side": "buy" if which == 1 else "sell", "type": "market"}
        lasting = "IOC" if which == 0 else "GTC"
        return {"side": "buy", "type": "limit", "time_in_force": lasting, "price": await self._below_the_market()}

    async def _below_the_market(self) -> str:
        now = time.monotonic()
        if not self._price or now - self._priced_at > _PRICE_SECONDS:
            self._priced_at = now
            read = await self._get(0, READS["quotes"])
            if read is not None:
                self._price = f"{float(read['data']['quotes'][0]['last']) * _BELOW_THE_MARKET:.1f}"
        return self._price

    async def _get(self, number: int, target: str) -> Any:
        path, _, query = target.partition("?")
        trader = self._traders[number // len(READS) % len(self._traders)]
        headers = signed(trader.key_id, trader.secret, path, query)
        return await self._ask("read", "GET", self._gateway(number // len(READS)) + target, headers)

    async def _send(self, what: str, trader: Trader, number: int, path: str, body: Mapping[str, Any]) -> Any:
        content, key = json.dumps(body).encode(), f"soak-{secrets.token_hex(8)}"
        headers = signed(trader.key_id, trader.secret, path, method="POST", key=key, body=content)
        headers |= {"Idempotency-Key": key, "Content-Type": "application/json"}
        return await self._ask(what, "POST", self._gateway(number) + path, headers, content)

    async def _ask(
        self, what: str, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> Any:
        """The body of an answer 200; None, and counted by its code, of another."""
        try:
            answer = await self._http.request(method, url, headers=dict(headers), content=content)
        except httpx.HTTPError as error:
            self._told.count(f"{what}: {type(error).__name__}")
            return None
        body = answer.json()
        self._told.count(f"{what}: {'ok' if answer.status_code == 200 else body['error']['code']}")
        return body if answer.status_code == 200 else None

    def _gateway(self, number: int) -> str:
        return self._gateways[number % len(self._gateways)]
