"""A small trading floor for tests: instruments, controls, quotes, and an account that is driven command by command."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from storage.models.accounts import DEFAULT_LIMITS, Account, Limits
from storage.models.controls import Binding, ControlDocument, Controls, Conversion, VenueRules
from storage.models.instruments import Instrument
from storage.models.order_commands import (
    AmendOrder,
    CancelOrder,
    Command,
    Deposit,
    OpenAccount,
    PlaceOrder,
    VenueAcknowledged,
    VenueFilled,
)
from storage.models.order_events import OrderAccepted, OrderDenied
from storage.models.order_records import OrderRecord, UsedQuote, decode_record, encode_record
from storage.models.orders import Order
from streams.orders.decide import decide
from streams.orders.evolve import evolve
from streams.orders.market import Hours, Market, Origin
from streams.orders.needs import symbols_needed
from streams.orders.state import AccountState

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
TENANT, ACCOUNT = "ten_demo", "acc_demo"
COIN, STOCK, EURO_STOCK, FUTURE, LEVEL = "COIN.SIM", "STOCK.US", "ACME.EU", "FUT.SIM", "LEVEL.SIM"
EURUSD = "EURUSD.FX"


def instrument(symbol: str, **changes: Any) -> Instrument:
    """A crypto instrument of venue SIM that anybody may trade both ways, with `changes`."""
    fields: dict[str, Any] = {
        "symbol": symbol,
        "venue": "SIM",
        "asset_class": "crypto",
        "calendar": "24/7",
        "currency": "USD",
        "price_precision": 2,
        "qty_precision": 3,
        "tick_size": "0.01",
        "lot_size": "0.001",
        "min_quantity": "0.001",
        "max_quantity": "1000",
        "min_notional": "1",
        "initial_margin_rate": "0.1",
        "maintenance_margin_rate": "0.05",
        "reference_price": "100",
    }
    return Instrument(**{**fields, **changes})


INSTRUMENTS = (
    instrument(COIN),
    instrument(
        STOCK,
        venue="XNAS",
        asset_class="equity",
        lot_size="1",
        min_quantity="1",
        max_quantity="100000",
        initial_margin_rate="0.5",
        maintenance_margin_rate="0.25",
    ),
    instrument(EURO_STOCK, currency="EUR", asset_class="equity"),
    instrument(FUTURE, asset_class="futures", multiplier="50", tick_size="0.25", lot_size="1", min_quantity="1"),
    instrument(LEVEL, asset_class="index", tradable=False),
)
DOCUMENTS: tuple[ControlDocument, ...] = (
    Binding(TENANT, "SIM", "sim-a", "active"),
    Binding(TENANT, "XNAS", "sim-a", "active"),
    VenueRules("SIM", has_sessions=False, holds_orders=False),
    VenueRules("XNAS", has_sessions=True, holds_orders=True),
    Conversion("EUR", "USD", EURUSD),
)


def controls(*documents: ControlDocument, version: int = 7) -> Controls:
    """The floor's controls, with `documents` on top."""
    return Controls().with_instruments(version, INSTRUMENTS).changed(version, (*DOCUMENTS, *documents))


def quote(symbol: str, bid: str, ask: str, **changes: Any) -> UsedQuote:
    """A live quote of an open market; `last` is the bid."""
    fields: dict[str, Any] = {"feed_state": "live", "session_state": "open", "age_ms": 5, "last": bid, **changes}
    return UsedQuote(symbol=symbol, bid=bid, ask=ask, **fields)


QUOTES = (
    quote(COIN, "99.99", "100.01"),
    quote(STOCK, "99", "101"),
    quote(EURO_STOCK, "49.99", "50.01"),
    quote(FUTURE, "999.75", "1000.25"),
    quote(EURUSD, "1.0999", "1.1001"),
)


class Desk:
    """One account: `send` decides a command, puts the record through its bytes, and lets the state take it in."""

    def __init__(self, deposit: str | None = "10000", limits: Limits | None = None, currency: str = "USD") -> None:
        self.state = AccountState(ACCOUNT)
        self.now = START
        self.controls = controls()
        self.quotes: dict[str, UsedQuote] = {one.symbol: one for one in QUOTES}
        self.hours: Mapping[str, Hours] = {}
        self.records: list[OrderRecord] = []
        self._numbers = count(1)
        self._orders = count(1)
        if deposit is not None:
            roomy = limits or changed_limits(orders_per_second=1_000_000)
            self.send(
                OpenAccount(
                    command_id="open",
                    account_id=ACCOUNT,
                    tenant_id=TENANT,
                    mode="sandbox",
                    currency=currency,
                    limits=roomy,
                )
            )
            self.send(Deposit(command_id="fund", account_id=ACCOUNT, currency=currency, amount=deposit))

    def market(self, command: Command) -> Market:
        """What `decide` is given for a command."""
        needed = symbols_needed(self.state, command, self.controls)
        quotes = {symbol: self.quotes[symbol] for symbol in needed if symbol in self.quotes}
        return Market(self.now, self.controls, quotes, self.hours)

    def send(self, command: Command, offset: int | None = None) -> OrderRecord:
        """Decide and take in; the record is what a reader of its bytes gets."""
        place = len(self.records) if offset is None else offset
        record = decide(self.state, command, self.market(command), Origin(3, "order-commands", place))
        read = decode_record(encode_record(record))
        assert read == record
        evolve(self.state, read)
        self.records.append(read)
        return read

    def place(self, symbol: str = COIN, **fields: Any) -> OrderRecord:
        """Place an order (default: buy 1 at 99 GTC) under a new id."""
        return self.send(self.order(symbol, **fields))

    def order(self, symbol: str = COIN, **fields: Any) -> PlaceOrder:
        """The command of `place`."""
        number = next(self._orders)
        kind = fields.get("order_type", "limit")
        standard: dict[str, Any] = {
            "command_id": f"cmd-{number}",
            "account_id": ACCOUNT,
            "order_id": f"ord-{number}",
            "issued_at": self.now,
            "valid_until": self.now + 3 * SECOND,
            "symbol": symbol,
            "side": "buy",
            "order_type": kind,
            "quantity": None if "notional" in fields else "1",
            "price": "99" if kind == "limit" else None,
        }
        return PlaceOrder(**{**standard, **fields})

    def amend(self, order_id: str, **fields: Any) -> OrderRecord:
        """Amend an order."""
        standard: dict[str, Any] = {"issued_at": self.now, "valid_until": self.now + 3 * SECOND}
        command = AmendOrder(
            command_id=f"amd-{next(self._numbers)}", account_id=ACCOUNT, order_id=order_id, **{**standard, **fields}
        )
        return self.send(command)

    def cancel(self, order_id: str) -> OrderRecord:
        """Cancel an order."""
        name = f"cnl-{next(self._numbers)}"
        return self.send(CancelOrder(command_id=name, account_id=ACCOUNT, order_id=order_id, issued_at=self.now))

    def report(self, kind: type, order_id: str, **fields: Any) -> OrderRecord:
        """A venue's report under a new id."""
        name = f"rep-{next(self._numbers)}"
        return self.send(kind(command_id=name, account_id=ACCOUNT, order_id=order_id, **fields))

    def acknowledge(self, order_id: str) -> OrderRecord:
        """The venue has it."""
        return self.report(VenueAcknowledged, order_id, venue_order_id=f"v-{order_id}")

    def fill(self, order_id: str, quantity: str, price: str = "100", fee: str = "0", **fields: Any) -> OrderRecord:
        """A fill under a new fill id."""
        name = fields.pop("fill_id", f"fill-{next(self._numbers)}")
        return self.report(VenueFilled, order_id, fill_id=name, price=price, quantity=quantity, fee=fee, **fields)

    def hold(self, symbol: str, quantity: str, price: str = "100", side: str = "buy") -> None:
        """Have a position: an order that is filled at once."""
        record = self.place(symbol, side=side, order_type="market", quantity=quantity)
        assert isinstance(record.events[0], OrderAccepted), record.events
        self.fill(record.orders[0].order_id, quantity, price)

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.now += round(seconds * SECOND)

    @property
    def account(self) -> Account:
        """The account as it stands."""
        assert self.state.account is not None
        return self.state.account


def changed_limits(**changes: Any) -> Limits:
    """The default limits with `changes`."""
    names = Limits.__struct_fields__
    return Limits(**{name: changes.get(name, getattr(DEFAULT_LIMITS, name)) for name in names})


def denial(record: OrderRecord) -> OrderDenied:
    """The denial that a record is."""
    event = record.events[0]
    assert isinstance(event, OrderDenied), record.events
    return event


def kinds(record: OrderRecord) -> list[str]:
    """The names of a record's events."""
    return [type(event).__name__ for event in record.events]


def only(record: OrderRecord) -> Order:
    """The one order that a record changed."""
    assert len(record.orders) == 1
    return record.orders[0]
