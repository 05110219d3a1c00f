"""One partition, claim after claim, for as long as the group says that it is ours."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Generic

from storage.log.port import AppendUnknown, LogUnavailable, Record
from storage.models.ownership import PartitionReport
from storage.mongo.failures import StoreUnavailable
from streams.owner.claiming import Superseded, claim, read_up
from streams.owner.ports import Charge, Membership
from streams.owner.rules import Command, Event, State
from streams.owner.tenure import Tenure, Waiting

logger = logging.getLogger(__name__)


class PartitionOwner(Generic[State, Command, Event]):
    """Runs in a task of its own, from the time it is made to `stop`."""

    def __init__(self, charge: Charge[State, Command, Event], membership: Membership) -> None:
        self._charge, self._options = charge, charge.options
        self.membership = membership
        self._waiting: Waiting[Command] = Waiting()
        self._inbox, self._signals = self._waiting.inbox, self._waiting.signals
        self._tenure: Tenure[State, Command, Event] | None = None
        self._begin: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._run(), name=f"owner of {charge}")

    async def begin(self) -> int:
        """Wait until it has claimed and read up; the first offset of the commands that it has not got.

        Raises what ended it, if it has ended.
        """
        ends: list[asyncio.Future[Any]] = [self._begin, self.task]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not self._begin.done():
            await self.task
            raise asyncio.CancelledError
        return max(self._begin.result(), self._inbox.taken + 1)

    async def take(self, records: Sequence[Record], acknowledge: Callable[[], object]) -> None:
        """See `CommandOwner.take`. Returns at once when this owner has ended: the next one takes them."""
        if self.task.done():
            return
        self._inbox.put(records, acknowledge)
        self._signals.work.set()
        while self._inbox.undecided >= self._options.waiting and not self.task.done():
            self._signals.room.clear()
            await self._signals.room.wait()

    def aside(self, commands: Sequence[Command]) -> None:
        """Decide these too, ahead of the commands that wait; they come from elsewhere than the log of commands, may be
        left without a record, and are not decided again when their record is lost. Of more than 10,000 the oldest go.
        """
        self._waiting.asides.extend(commands)
        self._signals.work.set()

    async def drain(self) -> None:
        """Wait until all that was taken is acknowledged, or this owner has ended."""
        while not self.task.done() and (len(self._inbox) or self._tenure is None or not self._tenure.idle):
            self._signals.settled.clear()
            await self._signals.settled.wait()

    async def stop(self) -> None:
        """End at once."""
        self.task.cancel()
        await asyncio.wait([self.task])

    def report(self) -> PartitionReport | None:
        """For the heartbeat; None while nothing is decided here."""
        if self._tenure is None:
            return None
        return PartitionReport(self._charge.partition, self._tenure.epoch, self._tenure.controls_version)

    async def _run(self) -> None:
        """Ends when the group says that the partition is another's; raises what the rules raise, and `PositionLost`."""
        try:
            while True:
                try:
                    await self._one_claim()
                except Superseded as superseded:
                    mine = await self._ask()
                    logger.info("%s; %s", superseded, "claiming anew" if mine else "it is another's now")
                    if not mine:
                        return
                    await asyncio.sleep(self._options.retry_seconds)  # documents of another log would tell so for ever
                except (AppendUnknown, LogUnavailable, StoreUnavailable) as error:
                    logger.warning("%s will be claimed anew: %s", self._charge, error)
                    await asyncio.sleep(self._options.retry_seconds)
        finally:
            self._tenure = None
            self._signals.room.set()
            self._signals.settled.set()

    async def _one_claim(self) -> None:
        """A new producer, a claim, reading up, and deciding until that claim ends."""
        claimed = await claim(self._charge)
        try:
            await self._charge.ports.controls.catch_up()
            standing = await read_up(self._charge, claimed.epoch)
            self._inbox.rewind()
            self._tenure = Tenure(self._charge, claimed, standing, self._waiting)
            if not self._begin.done():
                self._begin.set_result(standing.cause + 1)
            await self._tenure.serve()
        finally:
            self._tenure = None
            await claimed.writer.close()

    async def _ask(self) -> bool:
        """Whether the group says that the partition is still ours; asked until it answers.

        A "no" to an assignment of before says nothing about one that has come meanwhile.
        """
        while True:
            asked = self.membership
            try:
                if await asked.still_mine():
                    return True
                if asked is self.membership:
                    return False
            except LogUnavailable as error:
                logger.warning("the group cannot be asked for %s: %s", self._charge, error)
                await asyncio.sleep(self._options.retry_seconds)
