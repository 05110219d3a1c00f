"""Third step on the road of a write (a): the document that makes a repeat the same request, before anything is published."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from gateway.http.calls import FirstAnswer, SignedCall
from gateway.http.patience import within
from gateway.http.query import invalid
from gateway.trading.ports import RequestStore
from gateway.trading.room import Room, no_room
from ops.runtime.errors import HubError
from ops.runtime.identifiers import Identifiers
from ops.runtime.languages import Language
from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND
from storage.models.order_requests import OrderRequest, hash_of, identity_of
from storage.mongo.failures import StoreUnavailable

LEAST_VALID_MS: Final = 100
MOST_VALID_MS: Final = 3_000
STORE_SECONDS: Final = 3.0
_LONGEST_DIGITS: Final = 9


class Begun(NamedTuple):
    """A write that may be published: the kept document, whose ids and times count, and whether it was there before."""

    account_id: str
    request: OrderRequest
    repeated: bool

    @property
    def first(self) -> FirstAnswer | None:
        """How the first request was answered; None where this is the first."""
        if not self.repeated:
            return None
        return FirstAnswer(self.request.trace_id, cast("Language", self.request.language))


class OrderRequestBook:
    """Begins writes: one document for each (tenant, method, path, key), whichever gateway and however often at once."""

    def __init__(self, store: RequestStore, identifiers: Identifiers, room: Room) -> None:
        self._store = store
        self._identifiers = identifiers
        self._room = room

    async def begin(self, call: SignedCall, account_id: str, items: Sequence[bool], *, makes_orders: bool) -> Begun:
        """Keep the document, or find the one that is kept. `items` says of each item whether it becomes a command, and,
        with `makes_orders`, an order.

        Raises `idempotency.mismatch`, `request.invalid` (for `X-PM-VALID-FOR`), `rate.limited` for a first request without room,
        and `order.outcome_unknown` when the database does not answer: nothing has been published then.
        """
        own = self._request(call, items, makes_orders=makes_orders)
        count = sum(items)
        if not self._room.has(account_id, count) and not await self.known(call):
            raise no_room()
        with self._room.taken(account_id, count):
            kept = await self._kept(own)
        if kept.body_hash != own.body_hash:
            raise HubError("idempotency.mismatch")
        return Begun(account_id, kept, repeated=kept is not own)

    async def known(self, call: SignedCall) -> bool:
        """Whether the write was begun before."""
        try:
            async with asyncio.timeout(STORE_SECONDS):
                return await self._store.get(_identity(call)) is not None
        except (StoreUnavailable, TimeoutError) as error:
            raise HubError("order.outcome_unknown", {"component": "database"}) from error

    async def _kept(self, own: OrderRequest) -> OrderRequest:
        try:
            with within(STORE_SECONDS):
                return await self._store.claim(own)
        except (StoreUnavailable, TimeoutError) as error:
            raise HubError("order.outcome_unknown", {"component": "database"}) from error

    def _request(self, call: SignedCall, items: Sequence[bool], *, makes_orders: bool) -> OrderRequest:
        new = self._identifiers.new
        return OrderRequest(
            identity=_identity(call),
            body_hash=hash_of(call.body),
            command_ids=tuple(new("cmd") if item else "" for item in items),
            order_ids=tuple(new("ord") if item else "" for item in items) if makes_orders else (),
            issued_at=call.now,
            valid_until=call.now + valid_for_ms(call.header(b"x-pm-valid-for")) * NANOSECONDS_PER_MILLISECOND,
            trace_id=call.trace_id,
            language=call.language,
        )


def valid_for_ms(header: str | None) -> int:
    """How long an order may be on its way: 3 s, or what `X-PM-VALID-FOR` shortens it to. Raises `request.invalid`."""
    if header is None:
        return MOST_VALID_MS
    digits = header.isascii() and header.isdigit() and len(header) <= _LONGEST_DIGITS
    if not digits or not LEAST_VALID_MS <= int(header) <= MOST_VALID_MS:
        expected = f"milliseconds from {LEAST_VALID_MS} to {MOST_VALID_MS}"
        raise invalid("X-PM-VALID-FOR", "not a whole number in that range", expected)
    return int(header)


def account_of(call: SignedCall) -> str:
    """The caller's account. Raises `account.not_open` where there is none yet."""
    if call.caller.account_id is None:
        raise HubError("account.not_open", {"account_id": None})
    return call.caller.account_id


def _identity(call: SignedCall) -> str:
    return identity_of(call.caller.tenant_id, call.method, call.raw_path, call.idempotency_key)
