"""What clients do, so that every dashboard has something to show: orders of all outcomes, reads, refusals, sockets, a login."""

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import websockets.sync.client
from websockets.exceptions import ConnectionClosed

from ops.cli.signing import Credentials, signed_headers

TOPICS = ["quotes.*", "trades.*", "bars.1m.*", "orders.*", "risk.*"]
SYMBOL = "BTCUSDT.BINANCE"


class Client:
    """One API key at one gateway."""

    def __init__(self, caller: Credentials) -> None:
        self.caller = caller
        self._http = httpx.Client(base_url=caller.url, timeout=20)

    def get(self, target: str) -> httpx.Response:
        return self._http.get(target, headers=signed_headers(self.caller, "GET", target))

    def post(self, target: str, body: dict[str, Any]) -> httpx.Response:
        content = json.dumps(body).encode()
        headers = signed_headers(self.caller, "POST", target, secrets.token_hex(12), content)
        return self._http.post(target, content=content, headers={**headers, "Content-Type": "application/json"})

    def order(self, **fields: str) -> httpx.Response:
        return self.post("/v1/orders", {"symbol": SYMBOL, "side": "buy", "quantity": "0.01", **fields})

    def round(self) -> None:
        """One order that is filled, one that rests and is canceled, one that is denied; reads; a request that nobody signed."""
        quote = self.get(f"/v1/quotes?symbols={SYMBOL}").json()["data"]["quotes"][0]
        for side in ("buy", "sell"):
            filled = self.order(type="market", side=side)
            assert filled.status_code == 200, filled.text
        low = str(int(float(quote["bid"]) * 0.98))
        resting = self.order(type="limit", price=low)
        assert resting.status_code == 200, resting.text
        self.post("/v1/orders/cancel-all", {"symbol": SYMBOL})
        assert self.order(type="limit", price=low, quantity="900").status_code != 200
        for target in ("/v1/orders", "/v1/positions", "/v1/accounts", f"/v1/bars?symbol={SYMBOL}&timeframe=1m"):
            self.get(target)
        self._http.get("/v1/orders")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A socket that reads everything it may."""
        url = self.caller.url.replace("http", "ws", 1) + "/v1/ws"
        headers = signed_headers(self.caller, "GET", "/v1/ws")
        payload = {name.removeprefix("X-PM-").lower().replace("-", "_"): value for name, value in headers.items()}
        with websockets.sync.client.connect(url, max_size=None) as socket:
            for request in ({"op": "auth", "payload": payload}, {"op": "subscribe", "payload": {"topics": TOPICS}}):
                socket.send(json.dumps({"id": request["op"], **request}))
                answer = json.loads(socket.recv(10))
                assert answer["ok"], answer
            reader = threading.Thread(target=_read_until_closed, args=(socket,))
            reader.start()
            yield
        reader.join(10)


def _read_until_closed(socket: websockets.sync.client.ClientConnection) -> None:
    try:
        for _ in socket:
            pass
    except ConnectionClosed:
        return
