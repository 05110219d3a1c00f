"""The read models in dictionaries, with the guards that the real ones have, and with a process that can be killed at a write."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from storage.log.memory_partition import MemoryRecord
from storage.models.orders import Order
from storage.models.ownership import BEGINNING, Anchor
from storage.models.positions import Position
from storage.models.read_models import AccountDocument, CommandAnswer, Fill
from streams.orders.projection.read_models import ReadModels


class Killed(Exception):
    """The process ends here."""


class Fuse:
    """Ends the process in the middle of the n-th write from now (None: never); only the first `part` of it is done."""

    def __init__(self) -> None:
        self.writes: int | None = None
        self.part = 0

    def burn(self, items: Sequence[Any]) -> Sequence[Any]:
        """What of a write is still done. The one that is cut off raises after it, by `check`."""
        if self.writes is None:
            return items
        self.writes -= 1
        return items if self.writes >= 0 else items[: self.part]

    def check(self) -> None:
        """Raise when the write was cut off."""
        if self.writes is not None and self.writes < 0:
            raise Killed


class _Collection:
    def __init__(self, fuse: Fuse) -> None:
        self.documents: dict[Any, Any] = {}
        self._fuse = fuse

    def _guarded(self, items: Sequence[Any], key: Any, guard: str) -> None:
        for item in self._fuse.burn(items):
            stored = self.documents.get(key(item))
            if stored is None or getattr(stored, guard) < getattr(item, guard):
                self.documents[key(item)] = item
        self._fuse.check()

    def _once(self, items: Sequence[Any], key: Any) -> None:
        for item in self._fuse.burn(items):
            self.documents.setdefault(key(item), item)
        self._fuse.check()

    async def delete_all(self) -> int:
        removed = len(self.documents)
        self.documents.clear()
        return removed


class _Orders(_Collection):
    async def write(self, orders: Sequence[Order], /) -> None:
        self._guarded(orders, _order_key, "seq")

    async def insert_denied(self, orders: Sequence[Order], /) -> None:
        self._once(orders, _order_key)


class _Positions(_Collection):
    async def write(self, positions: Sequence[Position], /) -> None:
        self._guarded(positions, lambda one: (one.account_id, one.symbol), "seq")


class _Fills(_Collection):
    async def insert(self, fills: Sequence[Fill], /) -> None:
        self._once(fills, lambda one: (one.account_id, one.order_id, one.fill_id))


class _Answers(_Collection):
    async def insert(self, answers: Sequence[CommandAnswer], /) -> None:
        self._once(answers, lambda one: one.command_id)

    async def remove_expired(self, now: int) -> int:
        over = [name for name, answer in self.documents.items() if answer.expires_at <= now]
        for name in over:
            del self.documents[name]
        return len(over)


class _Accounts(_Collection):
    async def get_many(self, account_ids: Iterable[str], /) -> dict[str, AccountDocument]:
        return {name: self.documents[name] for name in account_ids if name in self.documents}

    async def write(self, accounts: Sequence[AccountDocument], /) -> None:
        self._guarded(accounts, lambda one: one.account_id, "as_of_seq")


class KeptAnchors:
    """The anchors of the projection."""

    def __init__(self, fuse: Fuse) -> None:
        self.stored: dict[int, Anchor] = {}
        self._fuse = fuse

    async def get(self, partition: int) -> Anchor:
        return self.stored.get(partition, BEGINNING)

    async def put_many(self, anchors: Mapping[int, Anchor], /) -> None:
        for partition, anchor in self._fuse.burn(list(anchors.items())):
            if self.stored.get(partition, BEGINNING).upto < anchor.upto:
                self.stored[partition] = anchor
        self._fuse.check()

    async def forget(self) -> None:
        self.stored.clear()


class KeptDocuments:
    """One store. `contents` is all of it, for comparing."""

    def __init__(self) -> None:
        self.fuse = Fuse()
        self.anchors = KeptAnchors(self.fuse)
        kinds = (_Orders, _Positions, _Fills, _Answers, _Accounts)
        self._collections = [kind(self.fuse) for kind in kinds]
        self.models = ReadModels(*self._collections)  # type: ignore[arg-type]  # in the order of its fields

    @property
    def contents(self) -> list[dict[Any, Any]]:
        return [collection.documents for collection in self._collections]


class RecordsOf:
    """The part of the log that reads a range again."""

    def __init__(self, records: Sequence[MemoryRecord]) -> None:
        self._records = records

    async def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[MemoryRecord]]:
        """All at once."""
        if start < stop:
            yield self._records[start:stop]


def _order_key(order: Order) -> tuple[str, str]:
    return order.account_id, order.order_id
