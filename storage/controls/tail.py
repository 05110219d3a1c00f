"""The controls as those who decide see them: documents first, then every announcement as it comes.

`version` is the offset of `platform-events` up to which this process has read; all that was announced up to there is in
`current`, which changes at the same instant.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from storage.controls.held import HeldControls
from storage.log.port import Log, LogUnavailable, Record, TailClosed
from storage.models.control_records import CONTROLS_KEY, Announcement, decode_announcement
from storage.models.controls import Controls
from storage.models.reading import UNREADABLE
from storage.models.venues import ConnectorFault
from storage.mongo.controls import ControlDocuments
from storage.partitioner import partition_of_key
from storage.topics import PLATFORM_EVENTS

_RETRY_SECONDS: Final = 0.5
_log = logging.getLogger(__name__)


class ControlsTail:
    """Follows the controls. Make it inside the running event loop.

    The first `catch_up` starts it; it reads on by itself until `close`. `failure` gets the error that ended it (a log that
    was closed, or no longer holds what comes next): the process must end then. `run` is both at once, for a process's
    background. An announcement that cannot be read is logged, counted in `unreadable` and skipped: it must not stop all
    trading.
    """

    def __init__(self, log: Log, documents: ControlDocuments) -> None:
        self._log, self._documents = log, documents
        self._held = HeldControls()
        self._moved = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._begun = self._finished = 0
        self.unreadable = 0
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def version(self) -> int:
        """The offset of `platform-events` up to which `current` goes; -1 before the first record."""
        return self._held.current.version

    @property
    def current(self) -> Controls:
        """The controls at `version`: a value that never changes."""
        return self._held.current

    @property
    def faults(self) -> Mapping[str, ConnectorFault]:
        """The connectors that do something wrong on purpose."""
        return self._held.current.faults

    async def catch_up(self) -> None:
        """Start to follow (once), load the documents, and read to the end that the log has now.

        Raises `LogUnavailable` or `StoreUnavailable`; call it again then. Calls at the same time share the work.
        """
        before = self._begun
        async with self._lock:
            if self._finished <= before:
                self._begun += 1
                await self._read_up()
                self._finished = self._begun

    async def run(self) -> None:
        """Catch up and follow until cancelled. Raises what `catch_up` raises, and what ended it later."""
        try:
            await self.catch_up()
            await asyncio.shield(self.failure)
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop following."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    async def _read_up(self) -> None:
        partition, end = await self._end()
        if self._reading is None:
            self._held.take(end - 1, ())  # what was announced before now is in the documents, which are loaded later
            self._reading = asyncio.create_task(self._follow(partition, end), name="controls")
            self._reading.add_done_callback(self._ended)
        stored = await self._documents.all()
        self._held.take(self.version, [Announcement(control.revision, control.document) for control in stored])
        _, end = await self._end()
        while self.version < end - 1:
            if self.failure.done():
                await asyncio.shield(self.failure)
            if self._reading.done():
                raise TailClosed("the controls are no longer followed")
            self._moved.clear()
            await self._moved.wait()

    async def _end(self) -> tuple[int, int]:
        bounds = await self._log.bounds(PLATFORM_EVENTS)
        partition = partition_of_key(CONTROLS_KEY, len(bounds))
        return partition, bounds[partition].next

    async def _follow(self, partition: int, start: int) -> None:
        while True:
            try:
                async with self._log.tail(PLATFORM_EVENTS, {partition: start}) as tail:
                    while True:
                        records = await tail.batch()
                        self._take(records)
                        start = records[-1].offset + 1
            except LogUnavailable as error:
                _log.warning("the controls cannot be followed for now: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)

    def _take(self, records: Sequence[Record]) -> None:
        announced = [self._read(record) for record in records if record.key == CONTROLS_KEY]
        self._held.take(records[-1].offset, [announcement for announcement in announced if announcement is not None])
        self._moved.set()

    def _read(self, record: Record) -> Announcement | None:
        try:
            return decode_announcement(record.value or b"")
        except UNREADABLE as error:
            self.unreadable += 1
            _log.error(
                "announcement of controls at %s-%d offset %d cannot be read and has NO EFFECT: %s",
                record.topic, record.partition, record.offset, error,
            )  # fmt: skip
            return None

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self.failure.done():
            self.failure.set_exception(error)
        self._moved.set()
