"""Risk signals that are raised and not cleared: written by the projection, read by `GET /v1/risk/signals` and `risk.*`."""

from collections.abc import Iterable, Sequence
from typing import Final

from storage.models.read_models import SignalDocument
from storage.mongo.documents import Database, Document
from storage.mongo.failures import repository
from storage.mongo.guarded import GuardedWrite, writer

COLLECTION: Final = "risk_signals"
_STAGE: Final = "stage"
_STAGES: Final = {"raised": 1, "cleared": 2}
_RAISED: Final = _STAGES["raised"]


@repository
class ActiveSignals:
    """Signals by `signal_id`. Clearing is final (`stage` only grows), so a signal that is told again, however late, stays
    cleared; that is why cleared ones are kept for a while.
    """

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]
        self._writer = writer(self._collection, _STAGE)

    async def of(self, owners: Iterable[str]) -> list[bytes]:
        """The JSON of each signal of these accounts (or `PLATFORM`) that is raised and not cleared, oldest first."""
        cursor = self._collection.find({"owner": {"$in": list(owners)}, _STAGE: _RAISED})
        return [document["value"] async for document in cursor.sort([("ts", 1), ("_id", 1)])]

    async def write(self, signals: Sequence[SignalDocument]) -> None:
        """Note each; what was cleared stays so, and what is raised again stays as it was raised first."""
        await self._writer.write([GuardedWrite(signal.signal_id, _fields(signal)) for signal in signals])

    async def remove_cleared(self, before: int) -> int:
        """Forget what was cleared before that time (ns); returns how many."""
        return (await self._collection.delete_many({_STAGE: _STAGES["cleared"], "ts": {"$lt": before}})).deleted_count

    async def delete_all(self) -> int:
        """Forget every signal; returns how many there were."""
        return (await self._collection.delete_many({})).deleted_count


def _fields(signal: SignalDocument) -> Document:
    return {"owner": signal.owner, _STAGE: _STAGES[signal.state], "ts": signal.ts, "value": signal.value}
