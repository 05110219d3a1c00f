"""HTTP/1.1 by hand over a real socket, so that a test can send what no client library would."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

_PATIENCE = 5.0


@dataclass(frozen=True)
class RawAnswer:
    """Names of `fields` are in lower case."""

    status: int
    fields: Mapping[str, str]
    body: bytes


class RawConnection:
    """One connection. `answer` reads the next answer by its length."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def opened(cls, port: int) -> "RawConnection":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def answer(self, *, has_body: bool = True) -> RawAnswer:
        async with asyncio.timeout(_PATIENCE):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            length = int(fields.get("content-length", "0")) if has_body else 0
            return RawAnswer(int(head[0].split()[1]), fields, await self._reader.readexactly(length))

    async def ended(self) -> bool:
        """Whether the server ends the connection; what it still sends is dropped."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._reader.read(-1)
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    def close(self) -> None:
        self._writer.close()


def request_bytes(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A whole request; a body gets its length."""
    sized = {"Host": "hub", **headers, **({"Content-Length": str(len(body))} if body else {})}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sized.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
