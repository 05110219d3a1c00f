"""Commands -> decide -> append -> acknowledged: what one claim does, from its reading up to its end.

Five tasks share it: they decide, take acknowledgements, append follow-up commands, watch deadlines, make checkpoints.
The first that fails ends them all; what was not acknowledged is left to the next claim.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple

from storage.log.port import AppendUnknown, LogUnavailable, Message
from storage.log.valid_records import ValidRecords, judge_from
from storage.models.ownership import Anchor, record_headers
from storage.mongo.failures import StoreUnavailable, WriteRefused
from streams.owner.checkpoints import Checkpointer
from streams.owner.claiming import Claimed, Standing, Superseded
from streams.owner.deadlines import Deadlines
from streams.owner.in_flight import Append, Decided, InFlight
from streams.owner.inbox import Handed, Inbox
from streams.owner.ports import Charge
from streams.owner.rules import Command, Event, Moment, State

logger = logging.getLogger(__name__)
ASIDES: Final = 10_000
_FOLLOW_UPS: Final = 10_000


class _Asked(NamedTuple, Generic[Command]):
    """A command, its offset and its batch (None for one from elsewhere than the log)."""

    command: Command
    cause: int | None
    handed: Handed | None


@dataclass(frozen=True, slots=True)
class Signals:
    """What the tasks of a partition tell each other: there is work, room for more of it, something was acknowledged or
    passed over, appended, set as a deadline, or is to be followed up.
    """

    work: asyncio.Event = field(default_factory=asyncio.Event)
    room: asyncio.Event = field(default_factory=asyncio.Event)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    sent: asyncio.Event = field(default_factory=asyncio.Event)
    deadlines: asyncio.Event = field(default_factory=asyncio.Event)
    follow_ups: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Waiting(Generic[Command]):
    """What outlives a claim: the commands that wait, those from elsewhere than the log, and the signals."""

    inbox: Inbox = field(default_factory=Inbox)
    asides: deque[Command] = field(default_factory=lambda: deque(maxlen=ASIDES))
    signals: Signals = field(default_factory=Signals)


class Tenure(Generic[State, Command, Event]):
    """One claim at work. `serve` may be called once."""

    def __init__(
        self,
        charge: Charge[State, Command, Event],
        claimed: Claimed,
        standing: Standing[State],
        waiting: Waiting[Command],
    ) -> None:
        self._charge, self._rules, self._ports, self._options = charge, charge.rules, charge.ports, charge.options
        self._inbox, self._asides, self._signals = waiting.inbox, waiting.asides, waiting.signals
        self.epoch = claimed.epoch
        self._writer = claimed.writer
        self._states, self._ts = standing.states, standing.decided_at
        self._decided_cause = standing.cause
        self._expected = claimed.epoch + 1
        self._flight: InFlight[Event] = InFlight()
        self._deadlines = Deadlines()
        self._follow_ups: deque[Message] = deque()
        self._checkpointer = Checkpointer(charge, standing, claimed.epoch)
        self._paused = False

    @property
    def controls_version(self) -> int:
        """The version of the controls that counts as applied."""
        return self._flight.applied(self._ports.controls.version)

    @property
    def idle(self) -> bool:
        """Whether nothing is undecided, unacknowledged or still to be followed up."""
        return not (self._inbox.undecided or self._asides or self._flight.records or self._follow_ups)

    async def serve(self) -> None:
        """Work until cancelled. Raises `Superseded` or `AppendUnknown`, and what the rules raise."""
        if self._ports.own is not None:
            self._ports.own.claimed(self._charge.partition, self.epoch)
        for key, state in self._states.items():
            self._deadlines.change(key, self._rules.deadlines_of(state))
            self._follow(self._rules.follow_ups_of(state))
        await _together(
            self._decide(),
            self._acknowledge(),
            self._append_follow_ups(),
            self._watch_deadlines(),
            self._keep_checkpoints(),
        )

    async def _decide(self) -> None:
        while True:
            while self._paused or self._full or not (self._inbox.undecided or self._asides):
                self._signals.work.clear()
                await self._signals.work.wait()
            self._decide_some()
            self._signals.room.set()
            await asyncio.sleep(0)

    @property
    def _full(self) -> bool:
        return self._flight.records >= self._options.in_flight

    def _decide_some(self) -> None:
        """Decide what waits, up to the options' number, and begin one append of the records."""
        version = self._ports.controls.version
        decided: list[Decided[Event]] = []
        for _ in range(self._options.decide_at_once):
            if (asked := self._next()) is None:
                break
            made = self._decide_one(asked, version)
            if made is not None:
                decided.append(made)
        if decided:
            messages = [each.message for each in decided]
            self._flight.put(Append(decided, version, self._writer.append(messages)))
            self._signals.sent.set()
        self._signals.settled.set()

    def _next(self) -> _Asked[Command] | None:
        """The next command to decide. Those whose records were read up are passed over."""
        if self._asides:
            return _Asked(self._asides.popleft(), None, None)
        while (following := self._inbox.next()) is not None:
            record, handed = following
            if record.offset > self._decided_cause:
                self._decided_cause = record.offset
                return _Asked(self._rules.decode(record), record.offset, handed)
            self._inbox.done(handed)
        return None

    def _decide_one(self, asked: _Asked[Command], version: int) -> Decided[Event] | None:
        command, cause, handed = asked
        rules = self._rules
        key = rules.key(command)
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = rules.new_state(key)
        ts = max(self._ports.clock.now(), self._ts)
        decision = rules.decide(state, command, Moment(ts, self.epoch, cause, version))
        if decision is None:
            if cause is not None:
                raise TypeError(f"{self._charge}: the command at {cause} got no record, and every command gives one")
            return None
        self._ts = ts
        rules.evolve(state, decision.event)
        message = Message(key, decision.value, record_headers(self.epoch, cause, ts, decision.headers))
        return Decided(key, decision.event, cause, handed, ts, message)

    async def _acknowledge(self) -> None:
        while True:
            while (append := self._flight.oldest()) is None:
                self._signals.sent.clear()
                await self._signals.sent.wait()
            offsets = await append.offsets
            if self._contiguous(offsets):
                for decided, offset in zip(append.decided, offsets, strict=True):
                    self._stands(decided, offset)
            else:
                await self._look_into_gaps(append.decided, offsets)
            self._expected = offsets[-1] + 1
            self._flight.acknowledged()
            self._signals.work.set()
            self._signals.settled.set()
            while len(self._follow_ups) > _FOLLOW_UPS:
                self._signals.settled.clear()
                await self._signals.settled.wait()

    def _contiguous(self, offsets: Sequence[int]) -> bool:
        return offsets[0] == self._expected and offsets[-1] - offsets[0] == len(offsets) - 1

    async def _look_into_gaps(self, decided: Sequence[Decided[Event]], offsets: Sequence[int]) -> None:
        """Somebody else has written between our records: a claim there supersedes us from there on."""
        for each, offset in zip(decided, offsets, strict=True):
            if offset != self._expected:
                await self._look_for_a_claim(self._expected, offset)
            self._expected = offset + 1
            self._stands(each, offset)

    async def _look_for_a_claim(self, start: int, stop: int) -> None:
        judge = ValidRecords(Anchor(start - 1, self.epoch))
        while judge.anchor.upto < stop - 1:
            try:
                judge = await judge_from(
                    self._ports.log, self._charge.topics.records, self._charge.partition, stop, judge.anchor
                )
            except LogUnavailable as error:
                logger.warning("cannot look who else writes: %s", error)
            if judge.anchor.upto < stop - 1:
                await asyncio.sleep(self._options.retry_seconds)
        if judge.anchor.claim != self.epoch:
            raise Superseded(f"{self._charge}: {self.epoch} was followed by {judge.anchor.claim}")

    def _stands(self, decided: Decided[Event], offset: int) -> None:
        """The record is on the log and counts: now it may be answered, followed up, checkpointed and committed."""
        self._checkpointer.acknowledged(decided.key, offset, decided.cause, decided.ts)
        if changes := self._rules.deadlines(decided.event):
            self._deadlines.change(decided.key, changes)
            self._signals.deadlines.set()
        self._follow(self._rules.follow_ups(decided.event))
        if self._ports.own is not None:
            self._ports.own.stands(self._charge.partition, offset, decided.message, decided.ts)
        if self._ports.observer is not None:
            self._ports.observer.acknowledged(self._charge.partition, offset, decided.event)
        if decided.handed is not None:
            self._inbox.done(decided.handed)

    def _follow(self, messages: Sequence[Message]) -> None:
        if messages:
            self._follow_ups.extend(messages)
            self._signals.follow_ups.set()

    async def _append_follow_ups(self) -> None:
        """At least once, in order: an append that is unknown is made again, the ids are the same."""
        while True:
            while not self._follow_ups:
                self._signals.follow_ups.clear()
                await self._signals.follow_ups.wait()
            messages = list(self._follow_ups)
            try:
                await self._ports.log.append_many(self._charge.topics.commands, messages)
            except (AppendUnknown, LogUnavailable) as error:
                logger.warning("follow-up commands will be appended again: %s", error)
                await asyncio.sleep(self._options.retry_seconds)
                continue
            for _ in messages:
                self._follow_ups.popleft()
            self._signals.settled.set()

    async def _watch_deadlines(self) -> None:
        clock = self._ports.clock
        while True:
            now = clock.now()
            for due, key, name in self._deadlines.take_due(now):
                self._follow([self._rules.deadline_command(key, name, due)])
            pause = self._deadlines.pause(now)
            self._signals.deadlines.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._signals.deadlines.wait()

    async def _keep_checkpoints(self) -> None:
        await self._stored(self._checkpointer.write_history())
        rests = 1.0
        while True:
            await asyncio.sleep(self._options.checkpoint_seconds * rests)
            rests = await self._checkpoint()

    async def _checkpoint(self) -> float:
        """How many times the usual pause is to follow. Deciding pauses until all that was decided is acknowledged: only then
        the states may be kept.
        """
        if not self._checkpointer.needed:
            return 1.0
        self._paused = True
        try:
            while self._flight.records:
                self._signals.settled.clear()
                await self._signals.settled.wait()
            taken = self._checkpointer.take(self._states)
        finally:
            self._paused = False
            self._signals.work.set()
        await self._stored(self._checkpointer.write(taken))
        return taken.rests

    async def _stored(self, writing: Coroutine[Any, Any, None]) -> None:
        """Trading goes on while the store does not answer, or refuses: what was not written is tried another time."""
        try:
            await writing
        except (StoreUnavailable, WriteRefused) as error:
            logger.warning("%s: no checkpoint: %s", self._charge, error)


async def _together(*works: Coroutine[Any, Any, None]) -> None:
    """Run them until the first fails, end the others, and raise what it raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in ended:
            await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
