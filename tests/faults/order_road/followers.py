"""A subscriber of `orders.*` that resumes on any gateway, and keeps what it was given."""

import asyncio
import json
import random
from contextlib import suppress
from typing import Any

import websockets

from ops.cli.signing import Credentials, signed_headers


class Follower:
    """One account. `seqs` are the account's record numbers in the order in which they came. While `reading` is not set, what
    comes stays with the sockets.
    """

    def __init__(self, gateways: list[str], account_id: str, key: tuple[str, str], seed: int) -> None:
        self.account_id = account_id
        self.seqs: list[int] = []
        self.connections = 0
        self.snapshots = 0
        self.reading = asyncio.Event()
        self.reading.set()
        self._gateways, self._key = gateways, key
        self._chance = random.Random(seed)  # noqa: S311
        self._place: dict[str, Any] | None = None

    @property
    def last(self) -> int:
        """The newest record number that it has (-1: none)."""
        return self.seqs[-1] if self.seqs else -1

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            gateway = self._chance.choice(self._gateways)
            with suppress(OSError, websockets.WebSocketException, TimeoutError):
                await self._connection(gateway)
            await asyncio.sleep(0.2)

    async def _connection(self, gateway: str) -> None:
        address = gateway.replace("http", "ws", 1) + "/v1/ws"
        async with websockets.connect(address, max_size=None, compression=None, open_timeout=5) as socket:
            signed = signed_headers(Credentials(gateway, *self._key), "GET", "/v1/ws")
            names = {"api_key": "X-PM-API-KEY", "timestamp": "X-PM-TIMESTAMP", "signature": "X-PM-SIGNATURE"}
            answer = await _ask(socket, "auth", {name: signed[header] for name, header in names.items()})
            if not answer["ok"]:
                return
            resume = {"resume": {"orders.*": self._place}} if self._place is not None else {}
            answer = await _ask(socket, "subscribe", {"topics": ["orders.*"], **resume})
            granted = answer["payload"]["topics"]["orders.*"] if answer["ok"] else {"ok": False}
            if not granted["ok"]:
                return
            assert granted["recovered"] is (self._place is not None), granted
            self.connections += 1
            if self._place is None:
                self._place = {"log_id": granted["log_id"], "positions": granted["positions"]}
            async for text in socket:
                self._take(json.loads(text))
                await self.reading.wait()

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("topic") != "orders.*" or self._place is None:
            assert message.get("type") in {"position", "lagging", "going_away"}, message
            return
        shard, seq = message["shard"], message["seq"]
        if message["type"] == "snapshot":
            self.snapshots += 1
            self.seqs.append(message["data"]["as_of_seq"])
        else:
            assert seq > self._place["positions"][shard], "neither twice nor out of order"
            self.seqs.append(message["data"]["seq"])
        self._place["positions"][shard] = max(seq, self._place["positions"][shard])

    def holes(self) -> list[tuple[int, int]]:
        """Where the account's numbers do not follow each other."""
        return [(before, after) for before, after in zip(self.seqs, self.seqs[1:], strict=False) if after != before + 1]


async def _ask(socket: Any, op: str, payload: dict[str, Any]) -> dict[str, Any]:
    await socket.send(json.dumps({"op": op, "id": op, "payload": payload}))
    return dict(json.loads(await asyncio.wait_for(socket.recv(), 10)))
