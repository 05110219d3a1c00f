"""Publishes bursts to a NATS server by its plain text protocol: PORT PAYLOAD_BYTES; told what on its standard input."""

import asyncio
import sys

from ops.bench.commanded import due_messages
from ops.bench.payload import timed_text


async def main(port: int, size: int) -> None:
    """Publish until killed; answers the server's pings."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b'CONNECT {"verbose":false}\r\n')
    answering = asyncio.create_task(_answer_pings(reader, writer))
    print("ready", flush=True)
    async for due in due_messages():
        writer.write(b"".join(b"PUB quotes %d\r\n%b\r\n" % (size, timed_text(size)) for _ in range(due)))
        if answering.done():
            raise ConnectionError("the server closed the connection")


async def _answer_pings(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        if line.startswith(b"PING"):
            writer.write(b"PONG\r\n")


if __name__ == "__main__":
    asyncio.run(main(*(int(text) for text in sys.argv[1:])))
