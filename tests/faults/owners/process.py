"""An owner of a ledger as a process of its own, for tests that kill and pause it: real Kafka, real store, real group.

Arguments: name, broker, prefix, store URL, database. It says in lines of JSON what it is assigned and owns; its claims carry
its name, so that they are found in the log.
"""

import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from ops.runtime.clock import SystemClock
from ops.runtime.identifiers import SystemIdentifiers
from storage.log.kafka import KafkaLog
from storage.log.port import LogUnavailable, Record
from storage.mongo.connect import connect
from storage.mongo.ownership import Checkpoints, ClaimHistories, Floors
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, Topics
from streams.app.faust_app import AppOptions
from streams.app.owner_worker import OwnerWorker, WorkerFailed
from streams.owner.owner import Owner
from streams.owner.ports import Membership, OwnerOptions, OwnerPorts, OwnerTopics
from tests.simulation.owner.ledger import Ledger

GROUP = "orders"


def say(**what: Any) -> None:
    """One line, with the time."""
    sys.stdout.write(json.dumps({"at": time.time_ns(), **what}) + "\n")
    sys.stdout.flush()


class NoControls:
    version = 0

    async def catch_up(self) -> None: ...


class Named(SystemIdentifiers):
    """Event ids that say whose they are."""

    def __init__(self, name: str) -> None:
        self._name = name

    def event_id(self) -> str:
        return f"{self._name}:{super().event_id()}"


class SayingMember:
    def __init__(self, partition: int, member: Membership) -> None:
        self._partition, self._member = partition, member

    async def still_mine(self) -> bool:
        answer = await self._member.still_mine()
        say(asked=self._partition, mine=answer)
        return answer


class SayingOwner:
    """Tells what the transport asks of the owner."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    async def assigned(self, partition: int, membership: Membership) -> int:
        say(assigned=partition)
        return await self._owner.assigned(partition, SayingMember(partition, membership))

    async def take(self, partition: int, records: Sequence[Record], acknowledge: Callable[[], object]) -> None:
        await self._owner.take(partition, records, acknowledge)

    async def drain(self) -> None:
        say(drain=True)
        await self._owner.drain()

    async def revoked(self, partition: int) -> None:
        say(revoked=partition)
        await self._owner.revoked(partition)


async def watch(owner: Owner) -> None:
    """Say which claims stand here, whenever that changes."""
    before: dict[int, int] = {}
    while True:
        owned = {report.partition: report.epoch for report in owner.reports()}
        if owned != before:
            say(owns=owned)
            before = owned
        await asyncio.sleep(0.02)


async def main(name: str, broker: str, prefix: str, store_url: str, database: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    say(started=True)
    clock, store = SystemClock(), connect(store_url, database)
    log = KafkaLog(broker, Topics(prefix=prefix))
    ports = OwnerPorts(
        log,
        Checkpoints(store.database, ORDER_EVENTS),
        Floors(store.database, ORDER_EVENTS),
        ClaimHistories(store.database, ORDER_EVENTS),
        NoControls(),
        clock,
        Named(name),
    )
    topics = OwnerTopics(ORDER_COMMANDS, ORDER_EVENTS)
    owner = Owner(Ledger(), ports, topics, OwnerOptions(checkpoint_seconds=1.0))
    options = AppOptions(GROUP, broker, prefix, max_poll_records=500, rest_seconds=0.0)
    try:
        await log.start()
        worker = OwnerWorker(options, ORDER_COMMANDS, SayingOwner(owner), log, clock, failure=owner.failure)
        watching = asyncio.create_task(watch(owner))
        await worker.run(stop)
        watching.cancel()
    finally:
        await log.close()
        store.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    for noisy in ("aiokafka", "faust", "mode"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        asyncio.run(main(*sys.argv[1:6]))
    except (WorkerFailed, LogUnavailable) as error:
        sys.exit(f"{type(error).__name__}: {error}")
