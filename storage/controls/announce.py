"""A change of controls: stored, then announced on `platform-events`, then marked as announced.

Whoever dies in between leaves a document that is pending: `announce_left`, which every order-core process calls twice a
second, announces it. Two that announce the same revision do no harm: readers know the revision already.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from ops.runtime.clock import Clock
from storage.log.port import AppendUnknown, Log, LogUnavailable, Message
from storage.models.control_records import CONTROLS_KEY, Announcement, announcement_headers, encode_announcement
from storage.models.controls import ControlDocument
from storage.mongo.controls import ControlDocuments, StoredControl
from storage.mongo.failures import StoreUnavailable
from storage.partitioner import partition_of_key
from storage.topics import PLATFORM_EVENTS

LEFT_AFTER_NS: Final = 500_000_000
INTERVAL_SECONDS: Final = 0.5
_log = logging.getLogger(__name__)


class Announcer:
    """Changes controls so that everybody who decides hears of it."""

    def __init__(self, log: Log, documents: ControlDocuments, clock: Clock) -> None:
        self._log, self.documents, self._clock = log, documents, clock

    async def change(self, documents: Sequence[ControlDocument]) -> int:
        """Store these, announce what is new in them, and return the version of the controls that has them all.

        Raises `StoreUnavailable`: then they may be stored or not. Raises `LogUnavailable` or `AppendUnknown`: then they are
        stored, and in force as soon as an order-core process and the log are there to announce them.
        """
        return await self.announce(await self.store(documents))

    async def store(self, documents: Sequence[ControlDocument]) -> list[StoredControl]:
        """The first half of a change: from here on somebody will announce it. Raises `StoreUnavailable`."""
        return await self.documents.put(documents, self._clock.now())

    async def announce(self, stored: Sequence[StoredControl]) -> int:
        """The second half. Raises `LogUnavailable` or `AppendUnknown`."""
        pending = [control for control in stored if control.pending]
        return await self._announce(pending) if pending else await self._end() - 1

    async def announce_left(self) -> int:
        """Announce what has been pending for half a second; how many those were. Raises as `change` does."""
        left = await self.documents.unannounced(self._clock.now() - LEFT_AFTER_NS)
        if left:
            await self._announce(left)
        return len(left)

    async def run(self) -> None:
        """Look for what was left every half second, until cancelled. An outage is logged, and the look repeated."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            try:
                left = await self.announce_left()
            except (StoreUnavailable, LogUnavailable, AppendUnknown) as error:
                _log.warning("changed controls that nobody has announced cannot be looked for: %s", error)
            else:
                if left:
                    _log.info("announced %d changed controls that were left", left)

    async def _announce(self, controls: Sequence[StoredControl]) -> int:
        messages = [_message(Announcement(control.revision, control.document)) for control in controls]
        positions = await self._log.append_many(PLATFORM_EVENTS, messages)
        try:
            await self.documents.mark_announced(controls)
        except StoreUnavailable as error:
            _log.warning("announced controls are not marked, so they will be announced again: %s", error)
        return positions[-1].offset

    async def _end(self) -> int:
        bounds = await self._log.bounds(PLATFORM_EVENTS)
        return bounds[partition_of_key(CONTROLS_KEY, len(bounds))].next


def _message(announcement: Announcement) -> Message:
    return Message(CONTROLS_KEY, encode_announcement(announcement), announcement_headers(announcement))
