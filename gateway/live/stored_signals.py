"""Active risk signals out of the read model that the projection writes."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from gateway.live.account_snapshot import Anchors


class SignalDocuments(Protocol):
    """`storage.mongo.active_signals.ActiveSignals`."""

    async def of(self, owners: Iterable[str]) -> Sequence[bytes]: ...


class StoredActiveSignals:
    """See `signal_seeds.StoredSignals`; `progress` is the anchors of the projection on `risk-signals`."""

    def __init__(self, signals: SignalDocuments, progress: Anchors) -> None:
        self._signals, self._progress = signals, progress

    async def progress(self, partition: int) -> int:
        """See `StoredSignals`."""
        return (await self._progress.get(partition)).upto

    async def of(self, owner: str) -> Sequence[bytes]:
        """See `StoredSignals`."""
        return await self._signals.of([owner])
