"""Ours in the fan-out benchmarks: hub and sockets on hypercorn over the log in memory; every key is accepted.

The messages are trades, which are never conflated. Arguments: PORT PAYLOAD_BYTES
"""

import asyncio
import sys
from collections.abc import Iterator
from itertools import cycle

import uvloop
from quart import Quart

from gateway.callers import Caller, SignedRequest
from gateway.live.hub import LiveHub
from gateway.live.limits import LiveLimits
from gateway.live.register import register_live
from gateway.live.sockets import LiveSockets
from ops.bench.commanded import due_messages
from ops.bench.payload import timed_text
from ops.processes.garbage import freeze_what_stands
from ops.processes.serving import listen, serve_until
from ops.runtime.clock import SystemClock
from ops.runtime.errors import HubError
from ops.runtime.languages import load_languages
from ops.runtime.metrics import Metrics
from storage.log.memory import MemoryLog
from storage.log.port import Message
from storage.models.latest_quotes import LatestQuoteDocument
from storage.models.tenants import ALL_SCOPES
from storage.reference import ReferenceData
from storage.topics import TRADES, Topics

SYMBOLS = tuple(f"S{number:02d}.BENCH" for number in range(16))


class _AnyKey:
    """Accepts every key."""

    async def authenticate(self, request: SignedRequest) -> Caller:  # noqa: ARG002
        return Caller("bench", "bench", None, frozenset(ALL_SCOPES), "en-US")

    def refusal(self, key_id: str) -> HubError | None:  # noqa: ARG002
        return None


class _NoQuotes:
    """There are none."""

    async def all(self) -> list[LatestQuoteDocument]:
        return []


async def main(port: int, size: int) -> None:
    """Serve and publish until killed."""
    clock, topics, metrics = SystemClock(), Topics(), Metrics()
    log = MemoryLog(topics, clock)
    hub = LiveHub(
        log,
        topics,
        log_ids={spec.name: "bench" for spec in topics},
        latest_quotes=_NoQuotes(),
        quote_group="bench",
        clock=clock,
        limits=LiveLimits(connections_per_key=1_000_000),
        metrics=metrics,
    )
    await hub.start()
    reference = ReferenceData.of([], [])
    sockets = LiveSockets(
        hub, _AnyKey(), reference=lambda: reference, languages=load_languages(), clock=clock, metrics=metrics
    )
    sockets.start()
    app = Quart("ours")
    register_live(app, sockets, lambda _scope: "127.0.0.1")

    @app.before_serving
    async def start() -> None:
        app.add_background_task(publish, log, topics, size)
        freeze_what_stands()
        print("ready", flush=True)

    await serve_until(app, listen("127.0.0.1", port), asyncio.Event(), drain_seconds=0)


async def publish(log: MemoryLog, topics: Topics, size: int) -> None:
    """Append bursts of messages that come to frames of `size` bytes of text."""
    messages = _messages(topics, size)
    async for due in due_messages():
        await log.append_many(TRADES, [next(messages) for _ in range(due)])


def _messages(topics: Topics, size: int) -> Iterator[Message]:
    following = dict.fromkeys(range(topics[TRADES].partitions), 0)
    for symbol in cycle(SYMBOLS):
        key = symbol.encode()
        partition = topics.partition(TRADES, key)
        around = f'{{"topic":"trades.{symbol}","shard":"trades-{partition}","seq":{following[partition]},"type":"update","data":}}'
        following[partition] += 1
        yield Message(key, timed_text(size - len(around)))


if __name__ == "__main__":
    uvloop.run(main(*(int(text) for text in sys.argv[1:])))
