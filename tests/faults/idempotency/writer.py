"""A gateway's write as a process of its own, for tests that kill it between record and effect.

It sends one write with a key through the real edge over a real store. Its effect has two parts, each of them once by the
effect id. `die_at` is the step at which it kills itself: there is one before and one after each call of the store.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import msgspec
from pymongo.errors import DuplicateKeyError

from gateway.http.calls import BearerCall, Reply
from ops.runtime.clock import SystemClock
from storage.mongo.connect import connect
from storage.mongo.idempotency import IdempotencyRecords
from tests.integration.http.gateway_edge import edge_over, request_of

LABELS = ("one", "two")


@dataclass(frozen=True)
class Write:
    """One try. `later` is by how many seconds this process's clock is ahead; with `die_at` -1 it does not kill itself."""

    store_url: str
    database: str
    key: str
    secret: bool
    later: float
    die_at: int = -1


class LaterClock(SystemClock):
    """The machine's clock, some seconds ahead."""

    def __init__(self, seconds: float) -> None:
        self._ahead = round(seconds * 1_000_000_000)

    def now(self) -> int:
        """Nanoseconds since the epoch, UTC, and what it is ahead."""
        return super().now() + self._ahead


class Steps:
    """Counts steps and dies at one of them."""

    def __init__(self, die_at: int) -> None:
        self._die_at, self._count = die_at, 0

    async def around(self, call: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        self._step()
        found = await call(*arguments)
        self._step()
        return found

    def _step(self) -> None:
        if self._count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self._count += 1


class Watched:
    """Records with a step before and after each call."""

    def __init__(self, records: IdempotencyRecords, steps: Steps) -> None:
        self._records, self._steps = records, steps

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any) -> Any:
            return await self._steps.around(getattr(self._records, name), *arguments)

        return call


def write(write: Write, told: Connection) -> None:
    """The process: says `ready`, waits for `go`, sends the write, tells (status, body)."""
    asyncio.run(_write(write, told))


async def _write(write: Write, told: Connection) -> None:
    store, steps = connect(write.store_url, write.database), Steps(write.die_at)
    await store.ping()

    async def once(collection: str, document: dict[str, Any]) -> None:
        try:
            await store.database[collection].insert_one(document)
        except DuplicateKeyError:
            await store.database["found"].insert_one({"in": collection})

    async def make(call: BearerCall, body: dict[str, Any]) -> Reply:
        thing = f"pmk_{call.effect_id}"
        await steps.around(once, "things", {"_id": thing, "key": call.idempotency_key, **body})
        await steps.around(once, "letters", {"_id": thing, "key": call.idempotency_key})
        return Reply(msgspec.json.encode({"key_id": thing}), secret=write.secret)

    edge = edge_over(Watched(IdempotencyRecords(store.database), steps), LaterClock(write.later))
    endpoint = edge.user_write("makeThing", make, key_required=True)
    told.send("ready")
    told.recv()
    answer = await endpoint(*request_of(b'{"label":"one"}', write.key))
    told.send((answer.status, answer.body))
