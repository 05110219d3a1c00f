"""What owners and readers of a partition keep: checkpoints, floors, claims, readers' anchors. Nothing ever goes back.

Each write is guarded by its `upto`: so a superseded owner that wakes up may write what it likes, and changes nothing
that a newer one has written.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from storage.models.ownership import BEGINNING, Anchor, Checkpoint, ClaimHistory, Floor
from storage.mongo.documents import Database
from storage.mongo.failures import repository
from storage.mongo.guarded import GuardedWrite, writer

CHECKPOINTS: Final = "owner_checkpoints"
FLOORS: Final = "owner_floors"
CLAIMS: Final = "owner_claims"
ANCHORS: Final = "reader_anchors"
_GUARD: Final = "upto"


@repository
class Checkpoints:
    """The states of the keys of one topic of records. `_id` is `topic|hex of the key`."""

    def __init__(self, database: Database, topic: str) -> None:
        self._topic = topic
        self._collection = database[CHECKPOINTS]
        self._writer = writer(self._collection, _GUARD)

    async def write(self, checkpoints: Sequence[Checkpoint]) -> list[bytes]:
        """Write those whose `upto` is above the stored one; returns the keys that were refused."""
        refused = await self._writer.write([self._write_of(checkpoint) for checkpoint in checkpoints])
        return [bytes.fromhex(identity.rpartition("|")[2]) for identity in refused]

    async def of_partition(self, partition: int) -> list[Checkpoint]:
        """Those of every key of a partition, in no order."""
        cursor = self._collection.find({"topic": self._topic, "partition": partition})
        return [msgspec.convert(document, Checkpoint) async for document in cursor]

    async def furthest(self, keys: Sequence[bytes]) -> int:
        """The greatest `upto` that is stored for any of the keys (-1: none)."""
        cursor = self._collection.find({"_id": {"$in": [self._identity(key) for key in keys]}}, {"upto": 1})
        return max([int(document["upto"]) async for document in cursor], default=-1)

    def _write_of(self, checkpoint: Checkpoint) -> GuardedWrite:
        fields = msgspec.structs.asdict(checkpoint)
        return GuardedWrite(self._identity(checkpoint.key), {**fields, "topic": self._topic})

    def _identity(self, key: bytes) -> str:
        return f"{self._topic}|{key.hex()}"


@repository
class Floors:
    """The floor of each partition of one topic of records. `_id` is `topic-partition`."""

    def __init__(self, database: Database, topic: str) -> None:
        self._topic = topic
        self._collection = database[FLOORS]
        self._writer = writer(self._collection, _GUARD)

    async def get(self, partition: int) -> Floor:
        """The floor; that of nothing where none was written."""
        document = await self._collection.find_one({"_id": f"{self._topic}-{partition}"})
        return Floor(partition) if document is None else msgspec.convert(document, Floor)

    async def raise_to(self, floor: Floor) -> bool:
        """Write it if its `upto` is above the stored one; whether it was."""
        fields = msgspec.structs.asdict(floor)
        return not await self._writer.write([GuardedWrite(f"{self._topic}-{floor.partition}", fields)])


@repository
class ClaimHistories:
    """The owner's document of each partition of one topic: the claims that were read. `_id` is `topic-partition`."""

    def __init__(self, database: Database, topic: str) -> None:
        self._topic = topic
        self._collection = database[CLAIMS]
        self._writer = writer(self._collection, _GUARD)

    async def get(self, partition: int) -> ClaimHistory:
        """The claims; none where none were written."""
        document = await self._collection.find_one({"_id": f"{self._topic}-{partition}"})
        return ClaimHistory(partition) if document is None else msgspec.convert(document, ClaimHistory)

    async def extend_to(self, history: ClaimHistory) -> bool:
        """Write it if its `upto` is above the stored one; whether it was."""
        fields = {**msgspec.structs.asdict(history), "claims": list(history.claims)}
        return not await self._writer.write([GuardedWrite(f"{self._topic}-{history.partition}", fields)])


@repository
class ReaderAnchors:
    """How far one named reader (a relay, a projection) has come in each partition of one topic."""

    def __init__(self, database: Database, reader: str, topic: str) -> None:
        self._prefix = f"{reader}|{topic}"
        self._collection = database[ANCHORS]
        self._writer = writer(self._collection, _GUARD)

    async def get(self, partition: int) -> Anchor:
        """The anchor at the last record that the reader is done with."""
        document = await self._collection.find_one({"_id": f"{self._prefix}-{partition}"})
        return BEGINNING if document is None else Anchor(document["upto"], document["claim"])

    async def put(self, partition: int, anchor: Anchor) -> bool:
        """Write it if it is further than the stored one; whether it was."""
        return not await self._writer.write([self._write_of(partition, anchor)])

    async def put_many(self, anchors: Mapping[int, Anchor]) -> None:
        """Write, for each partition, the anchor that is further than the stored one, in one command."""
        await self._writer.write([self._write_of(partition, anchor) for partition, anchor in anchors.items()])

    async def forget(self) -> None:
        """Make the reader one that has read nothing."""
        await self._collection.delete_many({"reader": self._prefix})

    def _write_of(self, partition: int, anchor: Anchor) -> GuardedWrite:
        fields = {"upto": anchor.upto, "claim": anchor.claim, "reader": self._prefix}
        return GuardedWrite(f"{self._prefix}-{partition}", fields)
