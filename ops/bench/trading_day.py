"""What the order core is measured with: accounts, a quote, and commands as they stand on the log.

A round of an account: an order is placed, acknowledged, and filled or canceled, so the number of open orders stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ops.runtime.timestamps import format_timestamp
from storage.command_messages import command_message
from storage.controls.defaults import bindings_of, default_controls
from storage.log.memory_partition import MemoryRecord
from storage.log.port import Message
from storage.models.accounts import DEFAULT_LIMITS, Limits
from storage.models.controls import Controls
from storage.models.market_data import Quote, encode
from storage.models.order_commands import (
    CancelOrder,
    Command,
    Deposit,
    OpenAccount,
    PlaceOrder,
    VenueAcknowledged,
    VenueCanceled,
    VenueFilled,
)
from storage.models.ownership import record_headers
from storage.reference_data.builtin import load_builtin
from storage.topics import ORDER_COMMANDS
from streams.orders.board import MarketBoard
from streams.orders.owner_rules import OrderRules
from streams.orders.state import AccountState
from streams.owner.rules import Moment

SYMBOL: Final = "BTCUSDT.BINANCE"
START: Final = 1_700_000_000_000_000_000
_TENANT: Final = "ten_bench"
_BETWEEN_NS: Final = 1_000_000
_FOREVER_NS: Final = 10**16
_ROOMY: Final = Limits(
    max_order_value=None,
    max_order_quantity=None,
    max_open_orders=20_000,
    position_limit=None,
    orders_per_second=10**9,
    price_collar=DEFAULT_LIMITS.price_collar,
)


@dataclass(frozen=True, slots=True)
class _HeldControls:
    current: Controls


def rules() -> OrderRules:
    """The rules with the built-in instruments and one quote that is always fresh."""
    reference = load_builtin()
    board = MarketBoard(lambda _: None, lambda *_: None)
    board.fresh_until = START + _FOREVER_NS
    now = format_timestamp(START)
    quote = Quote(SYMBOL, "BINANCE", "60000", "60000", "60010", "1", "1", "open", now, now)
    board.take_quote(SYMBOL.encode(), encode(quote))
    return OrderRules(
        board, _HeldControls(Controls().changed(1, [*default_controls(reference), *bindings_of(_TENANT, reference)]))
    )


def opening(account_id: str) -> list[Command]:
    """An account with money and no narrow limits."""
    opened = OpenAccount(
        command_id=f"{account_id}-open",
        account_id=account_id,
        tenant_id=_TENANT,
        mode="sandbox",
        currency="USDT",
        limits=_ROOMY,
    )
    return [
        opened,
        Deposit(command_id=f"{account_id}-fund", account_id=account_id, currency="USDT", amount="1000000000"),
    ]


def place(account_id: str, number: int) -> PlaceOrder:
    """A limit order that rests."""
    return PlaceOrder(
        command_id=f"{account_id}-place-{number}",
        account_id=account_id,
        issued_at=START,
        valid_until=START + _FOREVER_NS,
        order_id=f"{account_id}-order-{number}",
        symbol=SYMBOL,
        side="buy",
        order_type="limit",
        quantity="0.001",
        price=f"{59_000 + number % 900}.{number % 100:02d}",
    )


def rounds(account_id: str, first: int) -> Iterator[Command]:
    """Orders from `first` on, each from its placing to its end."""
    number = first
    while True:
        number += 1
        placed = place(account_id, number)
        order = placed.order_id
        yield placed
        yield VenueAcknowledged(
            command_id=f"{order}-ack", account_id=account_id, order_id=order, venue_order_id=f"v{number}"
        )
        if number % 2:
            fill = f"{order}-fill"
            yield VenueFilled(
                command_id=fill,
                account_id=account_id,
                order_id=order,
                fill_id=fill,
                price="59500",
                quantity="0.001",
                fee="0.0595",
            )
        else:
            yield CancelOrder(command_id=f"{order}-cancel", account_id=account_id, issued_at=START, order_id=order)
            yield VenueCanceled(command_id=f"{order}-canceled", account_id=account_id, order_id=order)


def on_the_log(commands: list[Command], first_offset: int) -> list[MemoryRecord]:
    """Commands as records of `order-commands`."""
    messages = [command_message(command) for command in commands]
    return [
        MemoryRecord(ORDER_COMMANDS, 0, first_offset + at, 0, message.key, message.value, message.headers)
        for at, message in enumerate(messages)
    ]


class Core:
    """The pure core of one partition: decides records of commands as an owner does, without a log."""

    def __init__(self) -> None:
        self.rules = rules()
        self.states: dict[bytes, AccountState] = {}
        self._now = START

    def take(self, record: MemoryRecord, epoch: int = 0) -> Message:
        """Decode, decide, encode, evolve; the record's message."""
        core = self.rules
        command = core.decode(record)
        key = core.key(command)
        state = self.states.get(key)
        if state is None:
            state = self.states[key] = core.new_state(key)
        self._now += _BETWEEN_NS
        decision = core.decide(state, command, Moment(self._now, epoch, record.offset, 1))
        core.evolve(state, decision.event)
        return Message(key, decision.value, record_headers(epoch, record.offset, self._now, decision.headers))
