"""A receiver of webhooks on 127.0.0.1 that verifies what comes as docs/alerts.md says, and answers as a test asks."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

SECRET = "a secret of the receiver alone"


@dataclass
class Delivery:
    """One POST as it came."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)


@dataclass
class HookHouse:
    """`answers` are statuses for the next deliveries, then 204; `hold` lets them wait."""

    received: list[Delivery] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    hold: asyncio.Event | None = None
    came: asyncio.Condition = field(default_factory=asyncio.Condition)
    port: int = 0
    _server: asyncio.Server | None = None

    async def open(self) -> "HookHouse":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/alerts/in?team=night"

    def kinds(self) -> list[str]:
        return [one.told["kind"] for one in self.received]

    async def until(self, count: int, seconds: float = 20) -> list[Delivery]:
        """Once so many have come."""
        async with asyncio.timeout(seconds), self.came:
            await self.came.wait_for(lambda: len(self.received) >= count)
        return self.received

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers["content-length"]))
            async with self.came:
                self.received.append(Delivery(head[0].split(" ")[1], headers, body))
                self.came.notify_all()
            if self.hold is not None:
                await self.hold.wait()
            status = self.answers.pop(0) if self.answers else 204
            writer.write(
                f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\nlocation: /elsewhere\r\nconnection: close\r\n\r\n".encode()
            )
            await writer.drain()
        except asyncio.IncompleteReadError:
            pass  # a connection that nothing was sent on
        finally:
            writer.close()
