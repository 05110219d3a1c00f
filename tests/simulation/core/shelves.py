"""What the processes keep in the store, beside ownership: read models, order requests, controls; guarded as the real one."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from storage.models.controls import ControlDocument, identity_of
from storage.models.latest_quotes import LatestQuoteDocument
from storage.models.order_requests import OrderRequest
from storage.models.orders import Order
from storage.models.ownership import Anchor
from storage.models.positions import Position
from storage.models.read_models import AccountDocument, CommandAnswer, Fill
from storage.mongo.controls import StoredControl
from storage.mongo.failures import StoreUnavailable
from tests.simulation.owner.simulated_store import Calls, SimulatedAnchors, Store

Document = TypeVar("Document")


class Shelves(Store):
    """All that is stored besides what owners keep, by kind and identity."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: dict[str, dict[Any, Any]] = {
            kind: {} for kind in ("orders", "positions", "fills", "answers", "accounts", "requests", "controls")
        }

    def put_newer(self, kind: str, identity: Any, document: Any, guard: str) -> None:
        """Write it where what is stored has a lower number."""
        stored = self.kinds[kind].get(identity)
        if stored is None or getattr(stored, guard) < getattr(document, guard):
            self.kinds[kind][identity] = document

    def put_missing(self, kind: str, identity: Any, document: Any) -> None:
        """Insert it where none is."""
        self.kinds[kind].setdefault(identity, document)


class _Kind(Calls):
    """Writes a leading part of what it is given when it fails."""

    store: Shelves

    async def _write(self, kind: str, documents: Sequence[tuple[Any, Any]], guard: str | None) -> None:
        leading = len(documents)
        if self.process.meets("store_fails"):
            leading = self.process.random.randrange(leading + 1)

        def put() -> None:
            for identity, document in documents[:leading]:
                if guard is None:
                    self.store.put_missing(kind, identity, document)
                else:
                    self.store.put_newer(kind, identity, document, guard)

        await self._call(put, writes=True)
        if leading < len(documents):
            raise StoreUnavailable("simulated, half-way")

    async def _all(self, kind: str, identities: Iterable[Any]) -> dict[Any, Any]:
        wanted = list(identities)
        shelf = self.store.kinds[kind]
        return await self._call(lambda: {identity: shelf[identity] for identity in wanted if identity in shelf})


class OrderShelf(_Kind):
    async def write(self, orders: Sequence[Order]) -> None:
        await self._write("orders", [((one.account_id, one.order_id), one) for one in orders], "seq")

    async def insert_denied(self, orders: Sequence[Order]) -> None:
        await self._write("orders", [((one.account_id, one.order_id), one) for one in orders], None)

    async def get_many(self, account_id: str, order_ids: Iterable[str]) -> dict[str, Order]:
        found = await self._all("orders", [(account_id, order_id) for order_id in order_ids])
        return {order.order_id: order for order in found.values()}

    async def open_of(self, account_id: str) -> list[Order]:
        shelf: dict[Any, Order] = self.store.kinds["orders"]
        return await self._call(
            lambda: [
                one
                for one in shelf.values()
                if one.account_id == account_id and one.status in {"new", "partially_filled"}
            ]
        )


class PositionShelf(_Kind):
    async def write(self, positions: Sequence[Position]) -> None:
        await self._write("positions", [((one.account_id, one.symbol), one) for one in positions], "seq")


class FillShelf(_Kind):
    async def insert(self, fills: Sequence[Fill]) -> None:
        await self._write("fills", [((one.account_id, one.order_id, one.fill_id), one) for one in fills], None)


class AnswerShelf(_Kind):
    async def insert(self, answers: Sequence[CommandAnswer]) -> None:
        await self._write("answers", [(one.command_id, one) for one in answers], None)

    async def get(self, command_ids: Iterable[str]) -> dict[str, CommandAnswer]:
        return await self._all("answers", command_ids)

    async def remove_expired(self, now: int) -> int:
        return 0


class AccountShelf(_Kind):
    async def write(self, accounts: Sequence[AccountDocument]) -> None:
        await self._write("accounts", [(one.account_id, one) for one in accounts], "as_of_seq")

    async def get_many(self, account_ids: Iterable[str]) -> dict[str, AccountDocument]:
        return await self._all("accounts", sorted(account_ids))

    async def as_of(self, account_id: str) -> int:
        found = await self._all("accounts", [account_id])
        return found[account_id].as_of_seq if account_id in found else 0


class RequestShelf(_Kind):
    async def claim(self, request: OrderRequest) -> OrderRequest:
        shelf: dict[str, OrderRequest] = self.store.kinds["requests"]
        return await self._call(lambda: shelf.setdefault(request.identity, request), writes=True)

    async def get(self, identity: str) -> OrderRequest | None:
        return (await self._all("requests", [identity])).get(identity)


class ProjectionAnchors(SimulatedAnchors):
    async def put_many(self, anchors: dict[int, Anchor]) -> None:
        for partition, anchor in anchors.items():
            await self.put(partition, anchor)


class ControlShelf(_Kind):
    """`storage.mongo.controls.ControlDocuments`, as far as announcers and tails use it."""

    async def put(self, documents: Sequence[ControlDocument], now: int) -> list[StoredControl]:
        return await self._call(lambda: [self._stored(document, now) for document in documents], writes=True)

    def _stored(self, document: ControlDocument, now: int) -> StoredControl:
        shelf: dict[str, StoredControl] = self.store.kinds["controls"]
        before = shelf.get(identity_of(document))
        if before is not None and before.document == document:
            return before
        revision = 1 if before is None else before.revision + 1
        stored = shelf[identity_of(document)] = StoredControl(revision, document, now, pending=True)
        return stored

    async def all(self) -> list[StoredControl]:
        return await self._call(lambda: list(self.store.kinds["controls"].values()))

    async def unannounced(self, before_ns: int) -> list[StoredControl]:
        shelf: dict[str, StoredControl] = self.store.kinds["controls"]
        if not any(one.pending for one in shelf.values()):
            return []  # asked by every core twice a second: not worth a journey
        return await self._call(lambda: [one for one in shelf.values() if one.pending and one.changed_at < before_ns])

    async def mark_announced(self, controls: Sequence[StoredControl]) -> None:
        shelf: dict[str, StoredControl] = self.store.kinds["controls"]

        def mark() -> None:
            for control in controls:
                identity = identity_of(control.document)
                if shelf[identity].revision == control.revision:
                    shelf[identity] = StoredControl(
                        control.revision, control.document, control.changed_at, pending=False
                    )

        await self._call(mark, writes=True)


class NoQuotes:
    """Nobody has written the latest quotes: tails begin at the log's beginning."""

    async def all(self) -> list[LatestQuoteDocument]:
        return []

    async def get_many(self, symbols: Iterable[str]) -> dict[str, LatestQuoteDocument]:
        return {}
