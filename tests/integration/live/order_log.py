"""Order records on a log as owners write them: the real core decides, claims and superseded writers included."""

import asyncio
from collections.abc import Sequence

from gateway.live.order_snapshots import AccountSnapshot
from storage.log.port import Log, Message
from storage.models.order_commands import Command, Deposit, OpenAccount, PlaceOrder, VenueAcknowledged, VenueFilled
from storage.models.order_records import OrderRecord, encode_record
from storage.models.ownership import CLAIM_KEY, ClaimHistory, Floor, claim_headers, record_headers
from storage.topics import ORDER_EVENTS, Topics
from streams.orders.decide import decide
from streams.orders.evolve import evolve
from streams.orders.market import Market, Origin
from streams.orders.needs import symbols_needed
from streams.orders.state import AccountState
from tests.unit.orders.trading_floor import QUOTES, SECOND, START, TENANT, changed_limits, controls

BOOK = {one.symbol: one for one in QUOTES}
CONTROLS = controls()


class Owner:
    """One writer of a partition under one claim. It decides from the state that it was given, and does not look around:
    so an older one that wakes up writes what a superseded owner would.
    """

    def __init__(self, log: Log, topics: Topics, account: str) -> None:
        self.log, self.account, self.state = log, account, AccountState(account)
        self.partition = topics.partition(ORDER_EVENTS, account.encode())
        self.epoch = -1
        self.now = START
        self.written: list[tuple[int, OrderRecord]] = []
        self._count = 0

    async def claim(self) -> int:
        """Own the partition from here on."""
        writer = await self.log.writer(ORDER_EVENTS, self.partition)
        [self.epoch] = await writer.append([Message(CLAIM_KEY, b"", claim_headers(f"evt_{self.partition}_{id(self)}"))])
        self._writer = writer
        return self.epoch

    async def take_over(self, other: "Owner") -> int:
        """Claim, and know what the other has written validly."""
        for _, record in other.written:
            evolve(self.state, record)
        self._count = other._count
        return await self.claim()

    async def send(self, *commands: Command) -> list[OrderRecord]:
        """Decide commands and append their records."""
        records = []
        for command in commands:
            needed = symbols_needed(self.state, command, CONTROLS)
            market = Market(self.now, CONTROLS, {name: BOOK[name] for name in needed if name in BOOK}, {})
            record = decide(self.state, command, market, Origin(self.epoch, "order-commands", self._count))
            evolve(self.state, record)
            self._count += 1
            headers = record_headers(self.epoch, self._count, self.now, (("schema", b"order-record.1"),))
            [offset] = await self._writer.append([Message(self.account.encode(), encode_record(record), headers)])
            self.written.append((offset, record))
            records.append(record)
        return records

    async def open(self) -> None:
        """An open account with money."""
        limits = changed_limits(orders_per_second=1_000_000, max_open_orders=20_000)
        name = self.account
        await self.send(
            OpenAccount(command_id="open", account_id=name, tenant_id=TENANT, mode="sandbox", currency="USD", limits=limits),
            Deposit(command_id="fund", account_id=name, currency="USD", amount="100000000"),
        )  # fmt: skip

    async def place(self, symbol: str = "COIN.SIM", count: int = 1) -> list[str]:
        """Place orders that rest; returns their ids."""
        orders = [f"ord-{self.epoch}-{self._count}-{number}" for number in range(count)]
        await self.send(*(self._order(order, symbol) for order in orders))
        return orders

    async def fill(self, order_id: str, price: str = "99") -> None:
        """The venue acknowledges and fills an order of 1."""
        name = self.account
        await self.send(
            VenueAcknowledged(command_id=f"ack-{order_id}", account_id=name, order_id=order_id, venue_order_id="v"),
            VenueFilled(command_id=f"fil-{order_id}", account_id=name, order_id=order_id, fill_id=f"f-{order_id}", price=price, quantity="1"),
        )  # fmt: skip

    def _order(self, order_id: str, symbol: str) -> PlaceOrder:
        return PlaceOrder(
            command_id=f"cmd-{order_id}", account_id=self.account, order_id=order_id, issued_at=self.now,
            valid_until=self.now + 3 * SECOND, symbol=symbol, side="buy", order_type="limit", quantity="1", price="99",
        )  # fmt: skip


class Documents:
    """What an owner has stored of its claims; as old as a test wants it."""

    def __init__(self) -> None:
        self.histories: dict[int, ClaimHistory] = {}

    async def get(self, partition: int) -> ClaimHistory:
        return self.histories.get(partition, ClaimHistory(partition))


class NoFloors:
    """No floor was written."""

    async def get(self, partition: int) -> Floor:
        return Floor(partition)


class Models:
    """Read models that follow an owner's records only as far as they are told."""

    def __init__(self, *owners: Owner) -> None:
        self.owners = owners
        self.progress_at: dict[int, int] = {}
        self.asked = 0
        self.reading = asyncio.Event()
        self.reading.set()

    def up_to_date(self) -> None:
        """Everything that is on the log is in the models."""
        for owner in self.owners:
            last = max(
                [self.progress_at.get(owner.partition, -1), owner.epoch, *(offset for offset, _ in owner.written)]
            )
            self.progress_at[owner.partition] = last

    async def progress(self, partition: int) -> int:
        self.asked += 1
        return self.progress_at.get(partition, -1)

    async def of(self, account_id: str) -> AccountSnapshot | None:
        await self.reading.wait()
        state = AccountState(account_id)
        for owner in self.owners:
            for offset, record in owner.written if owner.account == account_id else ():
                if offset <= self.progress_at.get(owner.partition, -1):
                    evolve(state, record)
        if state.account is None:
            return None
        return AccountSnapshot(
            account_id, state.seq, list(state.orders.values()), list(state.positions.values()), state.account
        )


def seqs(messages: Sequence[dict[str, object]]) -> list[int]:
    """The account's own numbers of messages of `orders.*`."""
    return [message["data"]["seq"] for message in messages]  # type: ignore[index,call-overload,misc]
