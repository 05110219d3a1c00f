"""The soak's WebSockets: market data that is only counted, and orders whose sequence is checked."""

import asyncio
import json
import time
from typing import Any, Final

import websockets
from websockets.asyncio.client import ClientConnection, connect

from ops.bench.fanout_contenders import PATH
from ops.bench.order_load import Trader
from ops.bench.signing import signed
from ops.bench.soak.told import Told
from ops.bench.soak.trading import Trading

MARKET_TOPICS: Final = ("quotes.*", "trades.*", "bars.1m.*")
_AGAIN_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 10.0
_REMEMBERED_NS: Final = 60_000_000_000


async def watch_market(gateway: str, trader: Trader, told: Told) -> None:
    """Count what comes, until cancelled; a connection that ends is counted and opened again."""
    while True:
        try:
            async with await _opened(gateway, trader, *MARKET_TOPICS) as socket:
                async for text in socket:
                    told.count("market frames")
                    if b'"type":"gap"' in _head(text):
                        told.count("market gaps")
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            told.count(f"market socket: {_reason(error)}")
        await asyncio.sleep(_AGAIN_SECONDS)


class OrderWatcher:
    """One account's `orders.*`: each order's first frame is timed, and the account's sequence has no hole."""

    def __init__(self, gateway: str, trader: Trader, trading: Trading, told: Told) -> None:
        self._gateway, self._trader, self._trading, self._told = gateway, trader, trading, told
        self._seq: int | None = None

    async def watch(self) -> None:
        """Until cancelled; a connection that ends is counted and opened again, from a snapshot."""
        while True:
            try:
                async with await _opened(self._gateway, self._trader, "orders.*") as socket:
                    async for text in socket:
                        self._take(json.loads(text))
            except (OSError, TimeoutError, websockets.WebSocketException) as error:
                self._told.count(f"orders socket: {_reason(error)}")
            self._seq = None
            await asyncio.sleep(_AGAIN_SECONDS)

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind not in {"snapshot", "update"}:
            return
        data = message["data"]
        if kind == "snapshot":
            self._seq = data["as_of_seq"]
            return
        if self._seq is not None and data["seq"] != self._seq + 1:
            self._told.count("orders: holes or repeats in the sequence")
        self._seq = data["seq"]
        self._told.count("order frames")
        self._time(data)

    def _time(self, data: dict[str, Any]) -> None:
        now = time.perf_counter_ns()
        for order in data.get("orders", ()):
            began = self._trading.begun.pop(order.get("client_order_id") or "", None)
            if began is not None and now - began < _REMEMBERED_NS:
                self._told.took("order frame", now - began)


async def _opened(gateway: str, trader: Trader, *topics: str) -> ClientConnection:
    """A subscribed connection. Raises `OSError`, `TimeoutError` or `WebSocketException`, and then leaves none open."""
    headers = signed(trader.key_id, trader.secret, PATH)
    names = {"api_key": "X-PM-API-KEY", "timestamp": "X-PM-TIMESTAMP", "signature": "X-PM-SIGNATURE"}
    socket = await connect(gateway.replace("http", "ws", 1) + PATH, compression=None, max_size=None)
    try:
        await _ask(socket, "auth", {name: headers[header] for name, header in names.items()})
        await _ask(socket, "subscribe", {"topics": list(topics)})
    except BaseException:
        await socket.close()
        raise
    return socket


async def _ask(socket: ClientConnection, operation: str, payload: dict[str, Any]) -> None:
    await socket.send(json.dumps({"op": operation, "id": operation, "payload": payload}))
    answer = json.loads(await asyncio.wait_for(socket.recv(), _ANSWER_SECONDS))
    if not answer.get("ok"):
        raise ConnectionRefusedError(f"{operation}: {answer}")


def _head(text: str | bytes) -> bytes:
    return text[:200].encode() if isinstance(text, str) else text[:200]


def _reason(error: Exception) -> str:
    if isinstance(error, websockets.ConnectionClosed) and error.rcvd is not None:
        return f"closed with {error.rcvd.code}"
    return type(error).__name__
