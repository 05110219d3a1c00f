"""One effect for each `Idempotency-Key`: what stands between the edge and the handler of a write that is no order.

The record is kept before the handler runs and its answer after. Whoever dies in between leaves a lease that ends: the next
try takes the record over with the same effect id, by which the handler finds what was done already.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from gateway.http.answer import Field
from ops.runtime.clock import Clock
from ops.runtime.errors import HubError
from ops.runtime.identifiers import Identifiers
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.idempotency import KEPT_SECONDS, LEASE_SECONDS, IdempotencyRecord, KeptAnswer
from storage.mongo.failures import StoreUnavailable
from storage.sealing import KeyRing, UnknownKey, Unreadable

LEAST_KEY: Final = 8
MOST_KEY: Final = 72
REPLAYED: Final[Field] = (b"idempotency-replayed", b"true")
_RETRY_SECONDS: Final = 1
_STORE_SECONDS: Final = 3.0
_DECIDED: Final = frozenset({200, 400, 403, 404, 409})
_WITHOUT_EFFECT: Final = frozenset({401, 422, 429})
_log = logging.getLogger(__name__)


class RecordStore(Protocol):
    """Where records are kept (storage/mongo/idempotency.py)."""

    async def insert(self, record: IdempotencyRecord) -> bool: ...
    async def get(self, identity: str) -> IdempotencyRecord | None: ...
    async def replace(self, before: IdempotencyRecord, after: IdempotencyRecord) -> bool: ...
    async def finish(self, identity: str, effect_id: str, answer: KeptAnswer) -> bool: ...
    async def release(self, record: IdempotencyRecord) -> bool: ...
    async def forget(self, record: IdempotencyRecord) -> bool: ...


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """What a write was answered, ready to be sent again. `code` is `ok` or the refusal's."""

    status: int
    code: str
    body: bytes
    fields: tuple[Field, ...]
    trace_id: str
    language: str


def check_key(key: str | None, *, required: bool) -> str:
    """The key, "" where none is sent and none is required. Raises `idempotency.key_required` for 8 to 72 that it is not."""
    if key is None and not required:
        return ""
    if key is None or not LEAST_KEY <= len(key) <= MOST_KEY:
        raise HubError("idempotency.key_required", {"least": LEAST_KEY, "most": MOST_KEY})
    return key


def is_decided(error: HubError) -> bool:
    """Whether a refusal is an answer for good, so that a repeat gets it again."""
    return error.kind.status in _DECIDED and not error.kind.retryable


class IdempotencyBook:
    """Begins tries, keeps answers. Every gateway has one over the same records."""

    def __init__(self, records: RecordStore, key_ring: KeyRing, identifiers: Identifiers, clock: Clock) -> None:
        self._records = records
        self._key_ring = key_ring
        self._identifiers = identifiers
        self._clock = clock

    def new_effect_id(self) -> str:
        """An id for the effect of one write: 32 hex digits that sort by time."""
        return self._identifiers.event_id().replace("-", "")

    async def begin(self, identity: str, asked: bytes) -> IdempotencyRecord | GivenAnswer:
        """The record of a try that may now run its handler, or the answer of before.

        `asked` is what makes two requests the same. Raises `idempotency.mismatch` for another one under this identity,
        `idempotency.in_progress` while another try runs, and `StoreUnavailable` or `TimeoutError`: nothing has happened then.
        """
        async with asyncio.timeout(_STORE_SECONDS):
            own = self._first_try(identity, asked)
            while True:
                if await self._records.insert(own):
                    return own
                kept = await self._records.get(identity)
                if kept is None:
                    continue
                if kept.holder == own.holder:
                    return kept
                begun = await self._follow(kept, own, asked)
                if begun is not None:
                    return begun

    async def finish(self, record: IdempotencyRecord, answer: GivenAnswer, *, secret: bool) -> GivenAnswer | None:
        """Keep the answer of a try; `secret` seals it. None: it counts. Else the answer of another try of the same effect
        that was kept before it, which is the one to send. Raises `StoreUnavailable` or `TimeoutError`: send no answer then.
        """
        async with asyncio.timeout(_STORE_SECONDS):
            if await self._records.finish(record.identity, record.effect_id, self._kept(record, answer, secret=secret)):
                return None
            kept = await self._records.get(record.identity)
        if kept is None or kept.effect_id != record.effect_id or kept.answer is None:
            return None  # kept for more than a day: nobody repeats it any more
        return self._given(kept.identity, kept.answer)

    async def release(self, record: IdempotencyRecord, refusal: HubError | None) -> None:
        """End a try without an answer for good: the next one may begin at once. A first try that ended before any effect
        (401, 422, 429) leaves nothing, so that its key may be used for a corrected request; any other leaves its effect id.
        """
        harmless = refusal is not None and refusal.kind.status in _WITHOUT_EFFECT and record.tries == 1
        try:
            async with asyncio.timeout(_STORE_SECONDS):
                await (self._records.forget(record) if harmless else self._records.release(record))
        except (StoreUnavailable, TimeoutError) as error:
            _log.warning("a write stays in progress until its lease ends", extra={"reason": str(error) or "no answer"})

    async def _follow(
        self, kept: IdempotencyRecord, own: IdempotencyRecord, asked: bytes
    ) -> IdempotencyRecord | GivenAnswer | None:
        """What `begin` gives where a record of before is kept; None: it has changed meanwhile, look again."""
        now = self._clock.now()
        if kept.created_at + KEPT_SECONDS * NANOSECONDS_PER_SECOND <= now:
            return own if await self._records.replace(kept, own) else None
        if not self._same(kept, asked):
            raise HubError("idempotency.mismatch")
        if kept.answer is not None:
            return self._given(kept.identity, kept.answer)
        if kept.lease_until > now:
            raise HubError("idempotency.in_progress", retry_after=_RETRY_SECONDS)
        again = msgspec.structs.replace(
            kept, holder=own.holder, tries=kept.tries + 1, lease_until=now + LEASE_SECONDS * NANOSECONDS_PER_SECOND
        )
        return again if await self._records.replace(kept, again) else None

    def _first_try(self, identity: str, asked: bytes) -> IdempotencyRecord:
        now = self._clock.now()
        return IdempotencyRecord(
            identity=identity,
            body_hash=self._key_ring.keyed_hash(asked, identity.encode()),
            effect_id=self.new_effect_id(),
            holder=self._identifiers.event_id(),
            tries=1,
            lease_until=now + LEASE_SECONDS * NANOSECONDS_PER_SECOND,
            created_at=now,
        )

    def _same(self, kept: IdempotencyRecord, asked: bytes) -> bool:
        try:
            return self._key_ring.matches(kept.body_hash, asked, kept.identity.encode())
        except UnknownKey as error:
            _log.error("an idempotency record cannot be compared", extra={"reason": str(error)})
            return False

    def _kept(self, record: IdempotencyRecord, answer: GivenAnswer, *, secret: bool) -> KeptAnswer:
        return KeptAnswer(
            status=answer.status,
            code=answer.code,
            body=None if secret else answer.body,
            sealed=self._key_ring.seal(answer.body, record.identity.encode()) if secret else None,
            fields=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.fields),
            trace_id=answer.trace_id,
            language=answer.language,
        )

    def _given(self, identity: str, kept: KeptAnswer) -> GivenAnswer:
        return GivenAnswer(
            status=kept.status,
            code=kept.code,
            body=(kept.body or b"") if kept.sealed is None else self._opened(identity, kept.sealed),
            fields=tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in kept.fields),
            trace_id=kept.trace_id,
            language=kept.language,
        )

    def _opened(self, identity: str, sealed: str) -> bytes:
        try:
            return self._key_ring.open(sealed, identity.encode())
        except (UnknownKey, Unreadable) as error:
            _log.error("the kept answer of a write cannot be opened", extra={"reason": str(error)})
            raise HubError("system.internal") from error
