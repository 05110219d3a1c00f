"""What the projection asks of store, log and clock; `storage.mongo`, `storage.log` and `ops.runtime` give it."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Protocol

from storage.log.port import Record
from storage.models.orders import Order
from storage.models.ownership import Anchor
from storage.models.positions import Position
from storage.models.read_models import AccountDocument, CommandAnswer, Fill, SignalDocument
from streams.market.refused import Refused


class Clock(Protocol):
    """Wall time in nanoseconds since the epoch."""

    def now(self) -> int: ...


class LogRead(Protocol):
    """The part of the log port that reads a range again."""

    def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[Record]]: ...


class OrdersStore(Protocol):
    """Orders as documents."""

    async def write(self, orders: Sequence[Order], /) -> None:
        """Write those whose `seq` is above the stored one."""
        ...

    async def insert_denied(self, orders: Sequence[Order], /) -> None:
        """Insert those that are not there; none replaces another."""
        ...

    async def delete_all(self) -> int: ...


class PositionsStore(Protocol):
    """Positions as documents."""

    async def write(self, positions: Sequence[Position], /) -> None:
        """Write those whose `seq` is above the stored one."""
        ...

    async def delete_all(self) -> int: ...


class FillsStore(Protocol):
    """Fills as documents."""

    async def insert(self, fills: Sequence[Fill], /) -> None:
        """Insert those that are not there."""
        ...

    async def delete_all(self) -> int: ...


class AnswersStore(Protocol):
    """What clients were told, by command id."""

    async def insert(self, answers: Sequence[CommandAnswer], /) -> None:
        """Insert those of commands that have none."""
        ...

    async def remove_expired(self, now: int) -> int: ...
    async def delete_all(self) -> int: ...


class AccountsStore(Protocol):
    """Accounts as documents."""

    async def get_many(self, account_ids: Iterable[str], /) -> dict[str, AccountDocument]: ...

    async def write(self, accounts: Sequence[AccountDocument], /) -> None:
        """Write those whose `as_of_seq` is above the stored one."""
        ...

    async def delete_all(self) -> int: ...


class SignalsStore(Protocol):
    """Risk signals as documents."""

    async def write(self, signals: Sequence[SignalDocument], /) -> None:
        """Note each; clearing is final."""
        ...

    async def remove_cleared(self, before: int) -> int: ...


class AnchorStore(Protocol):
    """How far the projection has come: `storage.mongo.ownership.ReaderAnchors`."""

    async def get(self, partition: int) -> Anchor: ...

    async def put_many(self, anchors: Mapping[int, Anchor], /) -> None:
        """Write those that are further than the stored ones."""
        ...


class LetterBox(Protocol):
    """Takes records that cannot be read, and appends them to `dead-letters` at its flush."""

    def add(self, refused: Refused, /) -> None: ...
    async def flush(self) -> None: ...
