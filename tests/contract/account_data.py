"""Read models on a page: an account with orders in every state, fills, positions and signals, held in lists."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from gateway.trading.parts import TradingParts
from ops.runtime.clock import Clock
from ops.runtime.timestamps import format_timestamp
from storage.decisions.decisions import Decisions
from storage.log.memory import MemoryLog
from storage.models.accounts import DEFAULT_LIMITS, Account
from storage.models.order_requests import OrderRequest
from storage.models.orders import Order
from storage.models.positions import Position
from storage.models.read_models import Cursor, Fill, FillFilters, OpenedAccount, OrderFilters
from storage.mongo.controls import StoredControl
from storage.mongo.fills import cursor_of as cursor_of_fill
from storage.mongo.orders import cursor_of
from storage.topics import Topics

SECOND = 1_000_000_000
ACCOUNT, OTHER = "acc_1", "acc_other"


@dataclass
class Accounts:
    documents: dict[str, OpenedAccount]
    reads: int = 0

    async def get(self, account_id: str) -> OpenedAccount | None:
        self.reads += 1
        return self.documents.get(account_id)

    async def as_of(self, account_id: str) -> int:
        document = self.documents.get(account_id)
        return document.as_of_seq if document else 0


@dataclass
class Orders:
    orders: list[Order] = field(default_factory=list)

    async def get(self, account_id: str, order_id: str) -> Order | None:
        return next((one for one in self.orders if (one.account_id, one.order_id) == (account_id, order_id)), None)

    async def get_many(self, account_id: str, order_ids: Iterable[str]) -> dict[str, Order]:
        wanted = set(order_ids)
        return {one.order_id: one for one in self.orders if one.account_id == account_id and one.order_id in wanted}

    async def by_client_id(self, account_id: str, client_order_id: str) -> Order | None:
        found = [one for one in self._newest(account_id) if one.client_order_id == client_order_id]
        return next((one for one in found if one.state != "denied"), found[0] if found else None)

    async def open_of(self, account_id: str) -> list[Order]:
        return [one for one in self._newest(account_id) if one.status in {"new", "partially_filled"}][::-1]

    async def page(self, account_id: str, filters: OrderFilters, after: Cursor | None, limit: int) -> list[Order]:
        return [
            one
            for one in self._newest(account_id)
            if (filters.statuses is None or one.status in filters.statuses)
            and filters.symbol in {None, one.symbol}
            and filters.strategy_id in {None, one.strategy_id}
            and (filters.start is None or cursor_of(one).at >= filters.start)
            and (filters.end is None or cursor_of(one).at < filters.end)
            and (after is None or cursor_of(one) < after)
        ][:limit]

    def _newest(self, account_id: str) -> list[Order]:
        return sorted((one for one in self.orders if one.account_id == account_id), key=cursor_of, reverse=True)


@dataclass
class Fills:
    fills: list[Fill] = field(default_factory=list)

    async def page(self, account_id: str, filters: FillFilters, after: Cursor | None, limit: int) -> list[Fill]:
        mine = sorted((one for one in self.fills if one.account_id == account_id), key=cursor_of_fill, reverse=True)
        return [
            one
            for one in mine
            if filters.order_id in {None, one.order_id}
            and filters.symbol in {None, one.symbol}
            and (filters.start is None or cursor_of_fill(one).at >= filters.start)
            and (filters.end is None or cursor_of_fill(one).at < filters.end)
            and (after is None or cursor_of_fill(one) < after)
        ][:limit]


@dataclass
class Positions:
    positions: list[Position] = field(default_factory=list)

    async def of(self, account_id: str) -> list[Position]:
        return [one for one in self.positions if one.account_id == account_id]


@dataclass
class Signals:
    signals: dict[str, list[bytes]] = field(default_factory=dict)

    async def of(self, owners: Iterable[str]) -> list[bytes]:
        return [signal for owner in owners for signal in self.signals.get(owner, [])]


@dataclass
class Halts:
    stored: list[StoredControl] = field(default_factory=list)

    async def of_kind(self, kind: str) -> list[StoredControl]:
        return [one for one in self.stored if kind == "halt"]


class Nothing:
    """Claims, floors and answers that there are none of."""

    async def get(self, *_of: object) -> dict[str, object]:
        return {}


@dataclass
class Requests:
    kept: dict[str, OrderRequest] = field(default_factory=dict)

    async def claim(self, request: OrderRequest) -> OrderRequest:
        return self.kept.setdefault(request.identity, request)

    async def get(self, identity: str) -> OrderRequest | None:
        return self.kept.get(identity)


@dataclass
class AccountData:
    """The lists behind the gateway of a test."""

    accounts: Accounts
    orders: Orders
    fills: Fills
    positions: Positions
    signals: Signals
    halts: Halts = field(default_factory=Halts)

    def trading(self) -> TradingParts:
        """As the gateway takes it; nothing decides, so every write is of unknown outcome."""
        topics, nothing = Topics(), Nothing()
        return TradingParts(
            decisions=Decisions(MemoryLog(topics), topics, nothing, nothing), requests=Requests(), answers=nothing,
            orders=self.orders, fills=self.fills, positions=self.positions, accounts=self.accounts,
            signals=self.signals, halts=self.halts, patience=0.05,
        )  # fmt: skip

    def reach(self, seq: int) -> None:
        """The projection has come to `seq`."""
        self.accounts.documents[ACCOUNT] = replace(self.accounts.documents[ACCOUNT], as_of_seq=seq)


def account_data(clock: Clock) -> AccountData:
    """An account at seq 9 with 10,000 dollars, 10 AAPL.US bought at 90, and six orders; another account has one of each."""
    now = clock.now()
    at = [format_timestamp(now - age * SECOND) for age in range(100)]
    mine = [
        order("ord_1", at[60], seq=3, status="filled", state="filled", filled="10", avg_price="90"),
        order("ord_2", at[50], seq=4, client_order_id="mine/1", strategy_id="grid", price="99"),
        order(
            "ord_3", at[40], seq=5, status="partially_filled", state="partially_filled", filled="4", avg_price="98.5"
        ),
        order(
            "ord_4",
            at[30],
            seq=6,
            status="canceled",
            state="expired",
            reason="expired",
            symbol="TSLA.US",
            upstream_code="DAY-OVER",
        ),
        order("ord_5", at[20], seq=7, status="rejected", state="denied", reason="order.tick_size", client_order_id="x"),
        order("ord_6", at[10], seq=8, status="new", state="unknown", uncertain=True, pending="cancel"),
    ]
    theirs = order("ord_other", at[5], seq=1, account_id=OTHER)
    fills = [
        fill("fil_1", "ord_1", at[55], seq=3, quantity="10", price="90"),
        fill("fil_2", "ord_3", at[35], seq=5, quantity="4", price="98.5", liquidity="maker"),
        fill("fil_other", "ord_other", at[5], seq=1, account_id=OTHER),
    ]
    held = [
        position("AAPL.US", "10", "90", at[55], seq=3),
        position("TSLA.US", "0", "0", at[54], seq=2, realized_pnl="-12.5"),
        position("AAPL.US", "7", "1", at[5], seq=1, account_id=OTHER),
    ]
    signals = {
        ACCOUNT: [signal("sig_b", "margin.warning", at[30], account_id=ACCOUNT)],
        OTHER: [signal("sig_c", "margin.call", at[5], account_id=OTHER)],
        "platform": [signal("sig_a", "feed.stale", at[50], platform=True, symbol="AAPL.US")],
    }
    opened = OpenedAccount(ACCOUNT, 9, at[1], account(at[1]), DEFAULT_LIMITS, ())
    return AccountData(
        Accounts({ACCOUNT: opened}), Orders([*mine, theirs]), Fills(fills), Positions(held), Signals(signals)
    )


def account(at: str, **changes: object) -> Account:
    """The account as its last record left it: marks of an hour ago."""
    fields = {
        "account_id": ACCOUNT, "tenant_id": "ten_1", "mode": "sandbox", "currency": "USD", "trading_state": "active",
        "trading_set_by": "account", "trading_since": at, "cash": "10000", "equity": "10050", "unrealized_pnl": "50",
        "realized_pnl": "-12.5", "fees": "1.5", "initial_margin": "475", "maintenance_margin": "237.5",
        "reserved": "100", "available_margin": "9475", "risk_ratio": "0.02363184", "margin_level": "ok",
        "balances": {"USD": "10000"}, "realized": {"USD": "-12.5"}, "paid_fees": {"USD": "1.5"}, "unconverted": (),
        "open_orders": 3, "alerts": {}, "updated_at": at, "as_of_seq": 9,
    }  # fmt: skip
    return Account(**{**fields, **changes})


def order(order_id: str, at: str, *, filled: str = "0", **changes: object) -> Order:
    """A limit order to buy 10 AAPL.US at 100."""
    fields = {
        "client_order_id": None, "account_id": ACCOUNT, "symbol": "AAPL.US", "venue": "XNAS", "connector": "sim-a",
        "side": "buy", "type": "limit", "state": "acknowledged", "status": "new", "quantity": "10",
        "filled_quantity": filled, "remaining_quantity": str(10 - int(filled)), "price": "100", "stop_price": None,
        "time_in_force": "GTC", "reduce_only": False, "post_only": False, "strategy_id": None, "notional": "1000",
        "currency": "USD", "avg_price": None, "filled_value": "0", "fees": "0", "reserve_price": "100",
        "reserved": "500", "multiplier": "1", "margin_rate": "0.5", "uncertain": False, "pending": None, "reason": None,
        "created_at": at, "updated_at": at, "seq": 1,
    }  # fmt: skip
    return Order(order_id=order_id, **{**fields, **changes})


def fill(fill_id: str, order_id: str, at: str, **changes: object) -> Fill:
    """A fill of AAPL.US."""
    fields = {
        "account_id": ACCOUNT, "symbol": "AAPL.US", "side": "buy", "price": "100", "quantity": "1", "fee": "0.05",
        "fee_currency": "USD", "liquidity": "taker", "realized_pnl": "0", "ts": at, "seq": 1,
    }  # fmt: skip
    return Fill(fill_id=fill_id, order_id=order_id, **{**fields, **changes})


def position(symbol: str, quantity: str, average: str, at: str, **changes: object) -> Position:
    """A position as its last record left it, marked at 95."""
    fields = {
        "account_id": ACCOUNT, "venue": "XNAS", "asset_class": "equity", "currency": "USD",
        "cost": str(int(quantity) * int(average)), "mark_price": "95", "notional": str(95 * int(quantity)),
        "margin": "475", "maintenance_margin": "237.5", "unrealized_pnl": "50", "realized_pnl": "0", "fees": "0.5",
        "multiplier": "1", "initial_margin_rate": "0.5", "maintenance_margin_rate": "0.25", "updated_at": at, "seq": 1,
    }  # fmt: skip
    return Position(symbol=symbol, net_qty=quantity, avg_price=average, **{**fields, **changes})


def signal(signal_id: str, code: str, at: str, **more: object) -> bytes:
    """A raised risk signal as it stands on the log."""
    told = {"signal_id": signal_id, "code": code, "severity": "warning", "state": "raised", "figures": {}, "ts": at}
    return json.dumps({**told, **more}).encode()
