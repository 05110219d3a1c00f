"""Subscribers that ask for everything and read nothing: what a gateway sends them stays with it."""

import asyncio
import json
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from types import TracebackType

import websockets

from ops.cli.signing import Credentials, signed_headers

READERS = 8
RECEIVE_BYTES = 4_096
TOPICS = ("quotes.*", "trades.*", "bars.1m.*", "orders.*")


class StuckReaders:
    """At the gateway on `port`, with the keys in turn. Use it as an async context manager."""

    def __init__(self, port: int, keys: Sequence[tuple[str, str]]) -> None:
        self._port, self._keys = port, keys
        self._stack = AsyncExitStack()
        self.connected = 0

    async def __aenter__(self) -> "StuckReaders":
        await asyncio.gather(*(self._connect(self._keys[number % len(self._keys)]) for number in range(READERS)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _connect(self, key: tuple[str, str]) -> None:
        """A gateway that is away just now has no stuck readers."""
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        small.setblocking(False)
        with suppress(OSError, TimeoutError, websockets.WebSocketException):
            async with asyncio.timeout(5):
                await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", self._port))
                address = f"ws://127.0.0.1:{self._port}/v1/ws"
                reader = await websockets.connect(
                    address, sock=small, max_queue=1, ping_interval=None, close_timeout=0.5, compression=None
                )
                self._stack.push_async_callback(reader.close)
                await self._subscribe(reader, key)
                self.connected += 1
                return
        small.close()

    async def _subscribe(self, reader: websockets.ClientConnection, key: tuple[str, str]) -> None:
        signed = signed_headers(Credentials("", *key), "GET", "/v1/ws")
        names = {"api_key": "X-PM-API-KEY", "timestamp": "X-PM-TIMESTAMP", "signature": "X-PM-SIGNATURE"}
        payload = {name: signed[header] for name, header in names.items()}
        await reader.send(json.dumps({"op": "auth", "id": "1", "payload": payload}))
        await reader.recv()
        await reader.send(json.dumps({"op": "subscribe", "id": "2", "payload": {"topics": list(TOPICS)}}))
