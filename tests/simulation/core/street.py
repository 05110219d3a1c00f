"""What there is to trade in a run: two instruments, their controls, two accounts, and the feed's quotes."""

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any, Final

from ops.runtime.timestamps import format_timestamp, parse_timestamp
from storage.command_messages import command_message
from storage.controls.defaults import bindings_of, default_controls
from storage.log.port import Message
from storage.models.accounts import DEFAULT_LIMITS
from storage.models.calendar_rules import session_state
from storage.models.calendars import Calendar, Segment
from storage.models.controls import ControlDocument
from storage.models.instruments import Instrument
from storage.models.order_commands import Deposit, OpenAccount
from storage.reference import ReferenceData
from storage.topics import ORDER_COMMANDS, QUOTE_STATES, QUOTES
from tests.simulation.owner.simulated_log import Broker

SECOND: Final = 1_000_000_000
COIN, SHARE = "BTC.X", "ABC.US"
ACCOUNTS: Final = {"acc_a": "ten_a", "acc_b": "ten_b"}
OPENS, CLOSES = parse_timestamp("2024-03-12T13:30:00Z"), parse_timestamp("2024-03-12T20:00:00Z")
LIMITS: Final = {
    "max_order_value": "5000",
    "max_order_quantity": None,
    "max_open_orders": 8,
    "position_limit": "20000",
    "orders_per_second": 20,
    "price_collar": DEFAULT_LIMITS.price_collar,
}


def instrument(symbol: str, **changes: Any) -> Instrument:
    """A crypto pair of venue X with `changes`."""
    fields: dict[str, Any] = {
        "symbol": symbol,
        "venue": "X",
        "asset_class": "crypto",
        "calendar": "always",
        "currency": "USD",
        "price_precision": 2,
        "qty_precision": 3,
        "tick_size": "0.01",
        "lot_size": "0.001",
        "min_quantity": "0.001",
        "max_quantity": "1000",
        "min_notional": "0",
        "initial_margin_rate": "0.1",
        "maintenance_margin_rate": "0.05",
        "reference_price": "100",
    }
    return Instrument(**{**fields, **changes})


def _reference() -> ReferenceData:
    whole = {"lot_size": "1", "min_quantity": "1", "qty_precision": 0}
    day = (Segment(state="open", start_minute=570, end_minute=960),)
    return ReferenceData.of(
        [instrument(COIN), instrument(SHARE, venue="XNYS", asset_class="equity", calendar="day", **whole)],
        [
            Calendar(name="always", timezone="UTC", always_open=True),
            Calendar(name="day", timezone="America/New_York", weekly=dict.fromkeys(range(5), day)),
        ],
    )


REFERENCE: Final = _reference()
CONTROLS: Final[tuple[ControlDocument, ...]] = (
    *default_controls(REFERENCE),
    *(document for tenant in ACCOUNTS.values() for document in bindings_of(tenant, REFERENCE)),
)


def start_of(chance: random.Random) -> tuple[int, bool]:
    """When the run begins: in the middle of the day, or just before the share's market opens or closes (and whether so)."""
    if chance.random() < 0.6:
        return OPENS + 3_600 * SECOND, False
    return chance.choice((OPENS, CLOSES)) - round(chance.uniform(1, 4) * SECOND), True


def open_accounts(broker: Broker) -> None:
    """Each account with some money."""
    for account_id, tenant_id in ACCOUNTS.items():
        opening = OpenAccount(
            command_id=f"open:{account_id}", account_id=account_id, tenant_id=tenant_id, mode="sandbox", currency="USD"
        )
        deposit = Deposit(
            command_id=f"fund:{account_id}", account_id=account_id, currency="USD", amount="2500.00000001"
        )
        broker.land(ORDER_COMMANDS, [command_message(opening), command_message(deposit)])


class Feed:
    """Publishes the market straight onto the log; it never fails, but it may fall silent (then the symbol is stale)."""

    def __init__(self, broker: Broker, chance: random.Random, now: Callable[[], int]) -> None:
        self._broker, self._random, self._now = broker, chance, now
        self._mid = dict.fromkeys(REFERENCE.instruments, 100_00)
        self._session = dict.fromkeys(REFERENCE.instruments, "")
        self.stale = False

    async def run(self) -> None:
        """Until cancelled."""
        for symbol in REFERENCE.instruments:
            self.publish(symbol)
        while True:
            await asyncio.sleep(self._random.choice((0.1, 0.4, 0.8)))
            self.publish(self._random.choice((COIN, COIN, SHARE)))

    def publish(self, symbol: str) -> None:
        """A quote, or, of a market that has closed, its state."""
        now = self._now()
        session = session_state(REFERENCE.calendar_of(symbol), now)
        if session != "open" and self._session[symbol]:
            if session != self._session[symbol]:
                self._state(symbol, "closed", session)
            self._session[symbol] = session
            return
        self._session[symbol] = session
        if self.stale and symbol == COIN:
            self._state(symbol, "stale", session)
            return
        mid = self._mid[symbol] = self._mid[symbol] + self._random.choice((0, 0, 1, -1, 40, -40, 150, -150))
        spread = self._random.choice((1, 1, 5, 30))
        bid, ask = f"{(mid - spread) / 100:.2f}", f"{(mid + spread) / 100:.2f}"
        size, ts = self._random.choice(("0.5", "3", "20")), format_timestamp(now)
        size = size if symbol == COIN else "7"
        value = {"symbol": symbol, "venue": REFERENCE.instruments[symbol].venue, "last": bid, "bid": bid, "ask": ask}
        value |= {"bid_size": size, "ask_size": size, "session_state": session, "ts": ts, "ts_in": ts}
        self._broker.land(QUOTES, [Message(symbol.encode(), json.dumps(value).encode())])

    def _state(self, symbol: str, feed: str, session: str) -> None:
        ts = format_timestamp(self._now())
        value = {"symbol": symbol, "feed_state": feed, "session_state": session, "since": ts, "ts": ts}
        self._broker.land(QUOTE_STATES, [Message(symbol.encode(), json.dumps(value).encode())])
