"""A subscriber of `trades.*` that resumes on any gateway, and keeps where it is in each shard."""

import asyncio
import json
import random
from contextlib import suppress
from typing import Any

import websockets

from ops.cli.signing import Credentials, signed_headers
from storage.log.port import Bounds
from storage.topics import TRADES
from tests.faults.report import Wrong


class TradeFollower:
    """`wrong` has every record that came twice, out of order, or not at all."""

    def __init__(self, gateways: list[str], key: tuple[str, str], seed: int) -> None:
        self.count, self.connections = 0, 0
        self.wrong: list[Wrong] = []
        self._gateways, self._key = gateways, key
        self._chance = random.Random(seed)  # noqa: S311
        self._log_id: str | None = None
        self._positions: dict[str, int] = {}

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            gateway = self._chance.choice(self._gateways)
            with suppress(OSError, websockets.WebSocketException, TimeoutError):
                await self._connection(gateway)
            await asyncio.sleep(0.2)

    def behind(self, bounds: dict[int, Bounds]) -> dict[str, int]:
        """By shard how many of the log's records have not come."""
        ends = {f"{TRADES}-{number}": bound.next for number, bound in bounds.items()}
        left = {shard: end - 1 - self._positions.get(shard, -1) for shard, end in ends.items()}
        return {shard: count for shard, count in left.items() if count > 0}

    async def _connection(self, gateway: str) -> None:
        address = gateway.replace("http", "ws", 1) + "/v1/ws"
        async with websockets.connect(address, max_size=None, compression=None, open_timeout=5) as socket:
            signed = signed_headers(Credentials(gateway, *self._key), "GET", "/v1/ws")
            names = {"api_key": "X-PM-API-KEY", "timestamp": "X-PM-TIMESTAMP", "signature": "X-PM-SIGNATURE"}
            auth = await _ask(socket, "auth", {name: signed[header] for name, header in names.items()})
            if not auth["ok"]:
                return
            topic: dict[str, Any] = {"topics": ["trades.*"], "snapshot": False}
            if self._log_id is not None:
                topic["resume"] = {"trades.*": {"log_id": self._log_id, "positions": self._positions}}
            answer = await _ask(socket, "subscribe", topic)
            granted = answer["payload"]["topics"]["trades.*"] if answer["ok"] else {"ok": False}
            if not granted["ok"]:
                return
            self._begin(granted)
            async for text in socket:
                self._take(json.loads(text))

    def _begin(self, granted: dict[str, Any]) -> None:
        self.connections += 1
        if self._log_id is not None and not granted["recovered"]:
            self.wrong.append(Wrong("lost", f"trades.* was not recovered from {self._positions}: {granted}"))
        if self._log_id is None or not granted["recovered"]:
            self._log_id, self._positions = granted["log_id"], dict(granted["positions"])

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "gap":
            self.wrong.append(Wrong("lost", f"trades.* has a gap: {message}"))
        elif message["type"] == "update":
            shard, seq, before = message["shard"], message["seq"], self._positions[message["shard"]]
            if seq <= before:
                self.wrong.append(Wrong("doubled", f"{shard}: {seq} came after {before}"))
            elif seq > before + 1:
                self.wrong.append(Wrong("lost", f"{shard}: {seq} came after {before}"))
            self._positions[shard] = max(seq, before)
            self.count += 1


async def _ask(socket: Any, op: str, payload: dict[str, Any]) -> dict[str, Any]:
    await socket.send(json.dumps({"op": op, "id": op, "payload": payload}))
    return dict(json.loads(await asyncio.wait_for(socket.recv(), 10)))
