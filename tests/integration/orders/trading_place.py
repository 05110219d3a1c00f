"""A log and a store on which the order core comes and goes, and what its tests append and read."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from ops.processes.lifetime import Background
from ops.processes.order_parts import open_order_core
from ops.processes.owned_role import OwnedRole
from ops.processes.platform import Platform
from ops.runtime.clock import SystemClock
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.metrics import Metrics
from ops.runtime.settings import Settings
from ops.runtime.timestamps import format_timestamp
from storage.command_messages import command_message
from storage.controls.announce import Announcer
from storage.controls.defaults import announce_defaults, bind_tenant
from storage.log.port import Log, Message, Record
from storage.log.valid_records import ValidRecords
from storage.models.order_commands import Command, Deposit, OpenAccount, PlaceOrder
from storage.models.order_records import OrderRecord, decode_record
from storage.mongo.connect import Store
from storage.mongo.controls import ControlDocuments
from storage.mongo.ownership import ReaderAnchors
from storage.reference_data.builtin import load_builtin
from storage.sealing import KeyRing
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, QUOTES, Topics
from streams.app.memory_owner_runner import MemoryOwnerRunner
from streams.owner.ports import OwnerOptions

SECOND = 1_000_000_000
ACCOUNT, TENANT, COIN = "acc_demo", "ten_demo", "BTCUSDT.BINANCE"
REFERENCE = load_builtin()


class TradingPlace:
    """Everything that outlives a process of the order core."""

    def __init__(self, log: Log, store: Store, topics: Topics) -> None:
        self.log, self.store, self.clock = log, store, SystemClock()
        self.metrics = Metrics()
        self.platform = Platform(
            settings=Settings(_env_file=None),
            clock=self.clock,
            identifiers=SystemIdentifiers(),
            metrics=self.metrics,
            topics=topics,
            log=log,
            store=store,
            key_ring=KeyRing.parse("test:" + "0" * 40),
        )

    async def set_up(self) -> None:
        """Controls for all instruments, the tenant's bindings, and a quote of the coin."""
        announcer = Announcer(self.log, ControlDocuments(self.store.database), self.clock)
        await announce_defaults(announcer, REFERENCE)
        await bind_tenant(announcer, TENANT, REFERENCE)
        await self.quote("60000", "60010")

    async def quote(self, bid: str, ask: str) -> None:
        """The coin's market is there now."""
        now = format_timestamp(self.clock.now())
        value = {"symbol": COIN, "venue": "BINANCE", "last": bid, "bid": bid, "ask": ask, "bid_size": "1"}
        value |= {"ask_size": "1", "session_state": "open", "ts": now, "ts_in": now}
        await self.log.append(QUOTES, Message(COIN.encode(), json.dumps(value).encode()))

    @asynccontextmanager
    async def core(self, *, kept: bool = False) -> AsyncIterator[OwnedRole]:
        """A process of the order core that owns every partition; it is killed at the end, after a checkpoint if `kept`."""
        stop = asyncio.Event()
        background = Background(stop)
        options = OwnerOptions(checkpoint_seconds=0.1 if kept else 3_600)
        role = open_order_core(self.platform, background, lambda: REFERENCE, quote_group="market", options=options)
        runner = MemoryOwnerRunner(self.log, role.commands, role.owner, role.group)
        background.start(runner.run(asyncio.Event()), "runner")
        try:
            async with asyncio.timeout(30):
                await runner.ready()
            yield role
        finally:
            await background.end()
            assert not role.failure.done(), role.failure.exception()

    async def send(self, *commands: Command) -> None:
        """Append commands."""
        await self.log.append_many(ORDER_COMMANDS, [command_message(command) for command in commands])

    async def open_account(self, deposit: str = "100000") -> None:
        """Open the account and give it money."""
        opening = OpenAccount(command_id="open", account_id=ACCOUNT, tenant_id=TENANT, mode="sandbox", currency="USDT")
        await self.send(opening, Deposit(command_id="fund", account_id=ACCOUNT, currency="USDT", amount=deposit))

    def order(self, number: int, **changes: str) -> PlaceOrder:
        """Buy 0.1 of the coin at 60,000."""
        now = self.clock.now()
        fields = {"side": "buy", "order_type": "limit", "quantity": "0.1", "price": "60000", **changes}
        return PlaceOrder(
            command_id=f"cmd-{number}",
            account_id=ACCOUNT,
            issued_at=now,
            valid_until=now + 3 * SECOND,
            order_id=f"ord-{number}",
            symbol=COIN,
            **fields,
        )

    async def valid(self, topic: str = ORDER_EVENTS) -> list[Record]:
        """The records of a topic that count."""
        found: list[Record] = []
        for partition, bounds in (await self.log.bounds(topic)).items():
            judge = ValidRecords()
            async for records in self.log.read(topic, partition, bounds.first, bounds.next):
                found += judge.take(records)
        return found

    async def all(self, topic: str) -> list[Record]:
        """Every record of a topic."""
        found: list[Record] = []
        for partition, bounds in (await self.log.bounds(topic)).items():
            async for records in self.log.read(topic, partition, bounds.first, bounds.next):
                found += records
        return found

    async def records(self, count: int) -> list[OrderRecord]:
        """The account's records, once there are `count`."""
        read: list[OrderRecord] = []

        async def look() -> bool:
            read[:] = [decode_record(r.value or b"") for r in await self.valid() if r.key == ACCOUNT.encode()]
            return len(read) >= count

        await until(look)
        return read

    async def messages(self, topic: str, count: int) -> Sequence[Record]:
        """All of a topic, once there are `count`."""
        found: list[Record] = []

        async def look() -> bool:
            found[:] = await self.all(topic)
            return len(found) >= count

        await until(look)
        return found


async def projected(platform: Platform) -> None:
    """Wait until the read models have come to the present end of the log."""
    anchors = ReaderAnchors(platform.store.database, "projection", ORDER_EVENTS)
    ends = {number: held.next for number, held in (await platform.log.bounds(ORDER_EVENTS)).items()}

    async def look() -> bool:
        return all([(await anchors.get(number)).upto + 1 >= end for number, end in ends.items()])

    await until(look)


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what tells nobody, 20 s at most."""
    async with asyncio.timeout(20):
        while not await look():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
