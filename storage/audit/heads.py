"""Heads of the audit trail on `platform-events`: what was published there cannot be cut off the store unseen."""

import logging
from typing import Final, Protocol

import msgspec

from storage.log.port import Log, Message, Record
from storage.models.audit_chain import EMPTY, Head
from storage.models.reading import UNREADABLE
from storage.partitioner import partition_of_key
from storage.topics import PLATFORM_EVENTS

AUDIT_KEY: Final = b"audit"
HEAD_SCHEMA: Final = b"audit-head.1"
_log = logging.getLogger(__name__)


class _Published(msgspec.Struct, frozen=True):
    seq: int
    hash: str


_decode: Final = msgspec.json.Decoder(_Published).decode


class HeadSource(Protocol):
    """The kept trail (storage/mongo/audit_events.py)."""

    async def head(self) -> Head: ...


class Heads:
    """Publishes heads, and reads those that were published. Both raise what the log raises."""

    def __init__(self, log: Log, events: HeadSource) -> None:
        self._log, self._events = log, events
        self._published = EMPTY

    async def publish_head(self) -> Head:
        """Put the newest link's seq and hash on the log, unless this process did already or there is none; that head.

        Raises `StoreUnavailable`, `LogUnavailable` and `AppendUnknown` (then it may be there; the next call repeats it).
        """
        head = await self._events.head()
        if head not in {EMPTY, self._published}:
            headers = (("schema", HEAD_SCHEMA), ("event-id", b"audit-head@%d" % head.seq))
            await self._log.append(PLATFORM_EVENTS, Message(AUDIT_KEY, msgspec.json.encode(_Published(*head)), headers))
            self._published = head
        return head

    async def published(self) -> dict[int, str]:
        """Every published head's hash by seq; of two with one seq the first, since a trail that is written anew is published
        later. Raises `LogUnavailable`.
        """
        bounds = await self._log.bounds(PLATFORM_EVENTS)
        partition = partition_of_key(AUDIT_KEY, len(bounds))
        first, following = bounds[partition]
        heads: dict[int, str] = {}
        async for records in self._log.read(PLATFORM_EVENTS, partition, first, following):
            for record in records:
                if record.key == AUDIT_KEY and (head := _head(record)) is not None:
                    heads.setdefault(head.seq, head.hash)
        return heads


def _head(record: Record) -> Head | None:
    try:
        published = _decode(record.value or b"")
    except UNREADABLE as error:
        _log.warning(
            "the head at %s-%d offset %d cannot be read: %s", PLATFORM_EVENTS, record.partition, record.offset, error
        )
        return None
    return Head(published.seq, published.hash)
