"""`platform-events` -> here -> `risk-signals`: a connector that goes down or comes back is told to everybody.

Nothing is kept here: with each change the controls and the signals under way are read, and the difference is said. So a
crash anywhere leaves a difference, which the next owner of the partition makes good.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from ops.runtime.clock import Clock
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.log.port import Record
from storage.models.control_records import CONTROLS_KEY
from storage.models.controls import ControlDocument
from storage.topics import PLATFORM_EVENTS, PLATFORM_KEY, RISK_SIGNALS, Topics
from streams.connectors.signals import Told, changes, down_by, told_by
from streams.market.ports import MarketLog

READ_BACK: Final = 10_000
LOOK_EVERY: Final = 60 * NANOSECONDS_PER_SECOND


class StoredControl(Protocol):
    """`storage.mongo.controls.StoredControl`."""

    @property
    def revision(self) -> int: ...
    @property
    def document(self) -> ControlDocument: ...


class StoredControls(Protocol):
    """`storage.mongo.controls.ControlDocuments`."""

    async def of_kind(self, kind: str) -> Sequence[StoredControl]: ...


class StoredSignals(Protocol):
    """`storage.mongo.active_signals.ActiveSignals`."""

    async def of(self, owners: Iterable[str]) -> Sequence[bytes]: ...


class ConnectorsProcessor:
    """Tells who is down (see `streams.processor.Processor`). An announcement is only the occasion to look."""

    name = "connectors"
    topic = PLATFORM_EVENTS

    def __init__(
        self, *, controls: StoredControls, signals: StoredSignals, log: MarketLog, topics: Topics, clock: Clock
    ) -> None:
        self._controls, self._signals, self._log, self._topics, self._clock = controls, signals, log, topics, clock
        self._owned = self._to_look = False
        self._looked_at = 0

    async def assign(self, partition: int, committed: int | None) -> None:  # noqa: ARG002
        """Say what a crash has left unsaid."""
        if self._is_ours(partition):
            self._owned = self._to_look = True
            await self.flush()

    async def fold(self, partition: int, records: Sequence[Record]) -> None:  # noqa: ARG002
        """Look again after any change of the controls: changes are few."""
        self._to_look |= any(record.key == CONTROLS_KEY for record in records)

    async def flush(self) -> None:
        """Compare what is down with what was told, and say the difference."""
        if not (self._owned and self._to_look):
            return
        self._looked_at = self._clock.now()
        controls = [
            (control.revision, control.document)
            for kind in ("connector", "fault")
            for control in await self._controls.of_kind(kind)
        ]
        messages = changes(down_by(controls), await self._told(), self._looked_at)
        if messages:
            await self._log.append_many(RISK_SIGNALS, messages)
        self._to_look = False

    async def tick(self, now: int) -> None:
        """Look again once a minute: somebody who was paused may have said what was true before."""
        if now - self._looked_at >= LOOK_EVERY:
            self._to_look = True
            await self.flush()

    async def revoke(self, partition: int) -> None:
        """Say nothing more."""
        if self._is_ours(partition):
            self._owned = False

    def _is_ours(self, partition: int) -> bool:
        return partition == self._topics.partition(PLATFORM_EVENTS, CONTROLS_KEY)

    async def _told(self) -> Told:
        """What is active by the documents, which may be behind, and then by the newest records of the log."""
        values = list(await self._signals.of([PLATFORM_KEY.decode()]))
        partition = self._topics.partition(RISK_SIGNALS, PLATFORM_KEY)
        bounds = (await self._log.bounds(RISK_SIGNALS))[partition]
        start = max(bounds.first, bounds.next - READ_BACK)
        if start < bounds.next:
            async for batch in self._log.read(RISK_SIGNALS, partition, start, bounds.next):
                values += [record.value or b"" for record in batch]
        return told_by(values)
