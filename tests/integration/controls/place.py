"""What the tests of controls work with: a platform, and short words for it."""

from ops.processes.controls import announcer_of
from ops.processes.platform import Platform
from ops.runtime.clock import Clock
from storage.controls.announce import Announcer
from storage.controls.tail import ControlsTail
from storage.log.port import Message
from storage.models.ownership import CLAIM_KEY, claim_headers
from storage.mongo.controls import ControlDocuments
from storage.topics import ORDER_EVENTS


class Place:
    """A platform, and short words for what the tests do with it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.tails: list[ControlsTail] = []

    @property
    def documents(self) -> ControlDocuments:
        """The documents."""
        return ControlDocuments(self.platform.store.database)

    def announcer(self, clock: Clock | None = None) -> Announcer:
        """A new one."""
        if clock is None:
            return announcer_of(self.platform)
        return Announcer(self.platform.log, self.documents, clock)

    async def tail(self) -> ControlsTail:
        """A new one that has caught up."""
        tail = ControlsTail(self.platform.log, self.documents)
        self.tails.append(tail)
        await tail.catch_up()
        return tail

    async def append(self, partition: int, *records: Message) -> list[int]:
        """Put records onto order-events, as an owner does; their offsets."""
        writer = await self.platform.log.writer(ORDER_EVENTS, partition)
        offsets = await writer.append(records)
        await writer.close()
        return offsets

    async def claim(self, partition: int) -> int:
        """A claim of a partition of order-events; its offset."""
        [offset] = await self.append(partition, Message(CLAIM_KEY, b"", claim_headers("a claim")))
        return offset
