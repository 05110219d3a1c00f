"""How records of each log topic become frames: which key is whose, and which delivery class it has. Pure."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.live.frames import Address, Delivery, Frame, MessageType, Parts
from gateway.live.order_values import symbols_in
from gateway.live.shard import Shard
from storage.log.port import Record
from storage.models.market_data import TIMEFRAMES
from storage.topics import BARS, ORDER_EVENTS, QUOTE_STATES, QUOTES, RISK_SIGNALS, TRADES

_TIMEFRAMES: Final = {timeframe.encode(): timeframe for timeframe in TIMEFRAMES}


class Source(Protocol):
    """Makes frames of the records of one log topic."""

    @property
    def log_topic(self) -> str: ...

    @property
    def family(self) -> str: ...

    @property
    def delivery(self) -> Delivery: ...

    def frame(self, shard: Shard, record: Record) -> Frame | None:
        """The frame of a record; None for one that clients cannot be given (no key, no value, no timeframe)."""
        ...

    def address(self, shard: Shard, key: Hashable) -> Address | None:
        """Where records of `key` go; one object a shard and key."""
        ...


@dataclass(frozen=True, slots=True)
class SymbolSource:
    """Topics keyed by symbol alone: `quotes`, `quote-states` and `trades`."""

    log_topic: str
    family: str
    type: MessageType
    delivery: Delivery

    def frame(self, shard: Shard, record: Record) -> Frame | None:
        """See `Source`."""
        value = record.value
        if value is None:
            return None
        address = shard.addresses.get(record.key) or self.address(shard, record.key)
        return Frame(address, record.offset, self.type, value, record.timestamp) if address is not None else None

    def address(self, shard: Shard, key: Hashable) -> Address | None:
        """See `Source`; `key` is a record's key."""
        symbol = _text(key)
        if symbol is None:
            return None
        made = Address(self.family, f"{self.family}.{symbol}", shard.name, self.delivery, wildcard=f"{self.family}.*")
        return shard.addresses.setdefault(key, made)


@dataclass(frozen=True, slots=True)
class BarSource:
    """`bars`: keyed by symbol, with the timeframe in a header."""

    log_topic: str = BARS
    family: str = "bars"
    delivery: Delivery = Delivery.LATEST

    def frame(self, shard: Shard, record: Record) -> Frame | None:
        """See `Source`."""
        value = record.value
        timeframe = next((value for name, value in record.headers if name == "timeframe"), None)
        if value is None or timeframe is None:
            return None
        key = (timeframe, record.key)
        address = shard.addresses.get(key) or self.address(shard, key)
        return Frame(address, record.offset, "update", value, record.timestamp) if address is not None else None

    def address(self, shard: Shard, key: Hashable) -> Address | None:
        """See `Source`; `key` is the bytes of timeframe and symbol."""
        if not isinstance(key, tuple):
            return None
        timeframe, symbol = _TIMEFRAMES.get(key[0]), _text(key[1])
        if timeframe is None or symbol is None:
            return None
        wildcard = f"bars.{timeframe}.*"
        made = Address(self.family, f"bars.{timeframe}.{symbol}", shard.name, self.delivery, wildcard=wildcard)
        return shard.addresses.setdefault(key, made)


@dataclass(frozen=True, slots=True)
class AccountSource:
    """Topics keyed by account, whose frames all say `FAMILY.*`: `order-events` and `risk-signals`."""

    log_topic: str
    family: str
    delivery: Delivery = Delivery.LOSSLESS
    parts: Parts | None = None

    def frame(self, shard: Shard, record: Record) -> Frame | None:
        """See `Source`."""
        value = record.value
        if value is None:
            return None
        address = shard.addresses.get(record.key) or self.address(shard, record.key)
        return Frame(address, record.offset, "update", value, record.timestamp) if address is not None else None

    def address(self, shard: Shard, key: Hashable) -> Address | None:
        """See `Source`; `key` is a record's key."""
        account = _text(key)
        if account is None:
            return None
        made = Address(
            self.family,
            f"{self.family}.*",
            shard.name,
            self.delivery,
            route=account_route(self.family, account),
            parts=self.parts,
        )
        return shard.addresses.setdefault(key, made)


QUOTE_SOURCE: Final = SymbolSource(QUOTES, "quotes", "update", Delivery.LATEST)
STATE_SOURCE: Final = SymbolSource(QUOTE_STATES, "quotes", "state", Delivery.LATEST)
TRADE_SOURCE: Final = SymbolSource(TRADES, "trades", "update", Delivery.QUEUED)
BAR_SOURCE: Final = BarSource()
RISK_SOURCE: Final = AccountSource(RISK_SIGNALS, "risk")
ORDER_SOURCE: Final = AccountSource(ORDER_EVENTS, "orders", parts=symbols_in)


def account_route(family: str, account: str) -> str:
    """The router key of one account's records; no topic that clients name looks like it."""
    return f"{family}@{account}"


def _text(key: Hashable) -> str | None:
    if not isinstance(key, bytes):
        return None
    try:
        return key.decode()
    except UnicodeDecodeError:
        return None
