"""Each rule of ownership switched off in the real component, by a double of one of the parts that it is given."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import msgspec

from storage.log.memory_partition import MemoryRecord
from storage.log.port import AppendUnknown, LogUnavailable, Message, Record
from storage.models.ownership import Anchor, Checkpoint, Floor, is_claim, record_headers
from streams.owner.relay import Relay
from streams.owner.rules import Decision, Moment
from tests.simulation.owner.faults import Process
from tests.simulation.owner.group import Group, Seat
from tests.simulation.owner.ledger import Account, Ask, Happened, Ledger
from tests.simulation.owner.simulated_log import Broker, SimulatedLog, SimulatedTail, SimulatedWriter
from tests.simulation.owner.simulated_store import Store
from tests.simulation.owner.world import COMMANDS, MEMORY, RECORDS, Controls, Machine, Parts, ProcessClock, World


class _WrappedWriter:
    def __init__(self, log: SimulatedLog, writer: SimulatedWriter) -> None:
        self.log, self.writer = log, writer

    def append(self, messages: Sequence[Message]) -> Awaitable[list[int]]:
        told = asyncio.ensure_future(self.appended(messages, self.writer.append(messages)))
        told.add_done_callback(lambda done: done.cancelled() or done.exception())
        return told

    async def appended(self, messages: Sequence[Message], offsets: Awaitable[list[int]]) -> list[int]:
        return await offsets

    async def close(self) -> None:
        await self.writer.close()


class _LogWith(SimulatedLog):
    wrapper: type[_WrappedWriter] = _WrappedWriter

    async def writer(self, topic: str, partition: int) -> _WrappedWriter:  # type: ignore[override]
        return self.wrapper(self, await super().writer(topic, partition))


class _ClaimsOfOthers(_WrappedWriter):
    """1: where a claim stands already, it takes that for its own."""

    def append(self, messages: Sequence[Message]) -> Awaitable[list[int]]:
        claims = [record.offset for record in self.log.broker.records[RECORDS] if is_claim(record.headers)]
        if claims and is_claim(messages[0].headers):
            taken: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
            taken.set_result([claims[-1]])
            return taken
        return super().append(messages)


class NoClaim(_LogWith):
    wrapper = _ClaimsOfOthers


def _under(record: MemoryRecord, claim: int) -> MemoryRecord:
    return MemoryRecord(
        record.topic, 0, record.offset, 0, record.key, record.value, record_headers(claim, None, 0, record.headers[1:])
    )


class EverythingCounts(SimulatedLog):
    """2: a reader for whom every record is under the newest claim."""

    async def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[MemoryRecord]]:
        async for records in super().read(topic, partition, start, stop):
            yield [self.counting(record) for record in records]

    def counting(self, record: MemoryRecord) -> MemoryRecord:
        if record.topic != RECORDS or is_claim(record.headers):
            return record
        before = self.broker.records[RECORDS][: record.offset]
        return _under(record, max(each.offset for each in before if is_claim(each.headers)))


class ReadsUpBeforeTheClaim(SimulatedLog):
    """3: what came onto the log while it claimed is not read."""

    def __init__(self, broker: Broker, process: Process) -> None:
        super().__init__(broker, process)
        self._seen = 0

    async def writer(self, topic: str, partition: int) -> SimulatedWriter:
        self._seen = len(self.broker.records[topic])
        return await super().writer(topic, partition)

    async def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[MemoryRecord]]:
        async for records in super().read(topic, partition, start, stop):
            yield [
                record if record.offset < self._seen else MemoryRecord(topic, 0, record.offset, 0, b"", b"", ())
                for record in records
            ]


class ControlsOfBefore(Controls):
    """3, 12: nothing is read after the claim."""

    async def catch_up(self) -> None: ...


class _NoGaps(_WrappedWriter):
    """5: it believes that its records stand side by side."""

    def __init__(self, log: SimulatedLog, writer: SimulatedWriter) -> None:
        super().__init__(log, writer)
        self._next: int | None = None

    async def appended(self, messages: Sequence[Message], offsets: Awaitable[list[int]]) -> list[int]:
        real = await offsets
        first = real[0] if self._next is None else self._next
        self._next = first + len(real)
        return list(range(first, self._next))


class SeesNoGaps(_LogWith):
    wrapper = _NoGaps


class SeesNoClaimInGaps(SimulatedLog):
    """5: it looks into gaps, and takes no notice of the claims in them."""

    async def read(self, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Sequence[MemoryRecord]]:
        looking = topic == RECORDS and stop < len(self.broker.records[topic]) and start > 0
        async for records in super().read(topic, partition, start, stop):
            yield [
                MemoryRecord(topic, 0, record.offset, 0, b"", b"", ())
                if looking and is_claim(record.headers)
                else record
                for record in records
            ]


class _Again(_WrappedWriter):
    """6: an append that is unknown is made again under the same claim, with another producer."""

    async def appended(self, messages: Sequence[Message], offsets: Awaitable[list[int]]) -> list[int]:
        while True:
            try:
                return await offsets
            except AppendUnknown:
                try:
                    self.writer = await SimulatedLog.writer(self.log, RECORDS, 0)
                except LogUnavailable:
                    continue
                offsets = self.writer.append(messages)


class AppendsAgain(_LogWith):
    wrapper = _Again


class _Hasty(_WrappedWriter):
    """5, 7: what was sent is taken for what stands."""

    def __init__(self, log: SimulatedLog, writer: SimulatedWriter) -> None:
        super().__init__(log, writer)
        self._next = 0

    async def appended(self, messages: Sequence[Message], offsets: Awaitable[list[int]]) -> list[int]:
        if is_claim(messages[0].headers):
            real = await offsets
            self._next = real[-1] + 1
            return real
        self._next += len(messages)
        return list(range(self._next - len(messages), self._next))


class TakesSentForStanding(_LogWith):
    wrapper = _Hasty


class CheckpointsGoBack(Store):
    """7: the last one to write has it."""

    def put_checkpoint(self, checkpoint: Checkpoint) -> bool:
        self.checkpoints[checkpoint.key] = checkpoint
        return True


class FloorGoesBack(Store):
    """7: the same with the floor."""

    def put_floor(self, floor: Floor) -> bool:
        self.floor = floor
        self.floors.append(floor)
        return True


class FloorWithoutCheckpoints(Store):
    """7: a floor above changes that no checkpoint covers."""

    def put_checkpoint(self, checkpoint: Checkpoint) -> bool:
        return bool(len(checkpoint.state) % 3) and super().put_checkpoint(checkpoint)


class BeginsAtTheCommit(Seat):
    """8: where the group has committed; and a transport commits what it has handed over (a raising agent's, too)."""

    def start_of(self, answer: int) -> int:
        self.group.commit = self._commit_at_once  # type: ignore[method-assign]
        return self.group.committed

    def _commit_at_once(self, generation: int, offset: int) -> bool:
        return False

    async def _serve(self, generation: int) -> None:
        commands = self.group.broker.records[self.group.commands]

        async def ahead() -> None:
            while True:
                await asyncio.sleep(0.1)
                if generation == self.group.generation and self.process.runs:
                    self.group.committed = max(self.group.committed, len(commands) - 1)

        hasty = asyncio.create_task(ahead())
        try:
            await super()._serve(generation)
        finally:
            hasty.cancel()


def offset_alone(store: Store, start: int) -> Anchor:
    """9: an offset, and the newest claim that one happens to know."""
    return Anchor(start - 1, max(store.history.claims, default=-1))


class NothingIsTooOld(Ledger):
    """10."""

    def too_old(self, command: Ask, moment: Moment) -> bool:
        return False


class RemembersByItsOwnClockAlone(Ledger):
    """10: forgets too early what a client with a clock ahead has issued."""

    def evolve(self, state: Account, event: Happened) -> None:
        super().evolve(state, msgspec.structs.replace(event, known_from=event.ts))


class NothingFollowsFromState(Ledger):
    """11: a take-over forgets what was asked for."""

    def follow_ups_of(self, state: Account) -> Sequence[Message]:
        return ()


class NoDeadlinesFromState(Ledger):
    """11: a take-over forgets the deadlines."""

    def deadlines_of(self, state: Account) -> Mapping[str, int]:
        return {}


class AnyDeadline(Ledger):
    """11: a deadline has its effect, whatever the present one is."""

    def stands(self, state: Account, command: Ask) -> bool:
        return True


class RandomIds(Ledger):
    """11: a deadline command that is appended again is another command."""

    number = 0

    def stands(self, state: Account, command: Ask) -> bool:
        return True

    def deadline_command(self, key: bytes, name: str, due: int) -> Message:
        RandomIds.number += 1
        message = super().deadline_command(key, name, due)
        return message._replace(value=message.value.replace(b'"id":"', b'"id":"%d ' % RandomIds.number))


class OwnTime(Ledger):
    """14: by the clock alone."""

    def __init__(self, clock: ProcessClock) -> None:
        super().__init__(MEMORY)
        self._clock = clock

    def time(self, moment: Moment) -> int:
        return self._clock.now()


class _FollowsAtOnce(Ledger):
    """11: follow-up commands of a record that is only decided."""

    broker: Broker

    def decide(self, state: Account, command: Ask, moment: Moment) -> Decision[Happened] | None:
        decision = super().decide(state, command, moment)
        if decision is not None and decision.event.asks:
            self.broker.land(COMMANDS, self.follow_ups(decision.event))
        return decision


class FollowsAtOnceLog(SimulatedLog):
    """Gives the rules above their log."""

    def __init__(self, broker: Broker, process: Process) -> None:
        super().__init__(broker, process)
        _FollowsAtOnce.broker = broker


class _AllCounts:
    def __init__(self, tail: SimulatedTail, log: SimulatedLog) -> None:
        self._tail, self._log = tail, log

    async def batch(self) -> Sequence[MemoryRecord]:
        return [EverythingCounts.counting(self._log, record) for record in await self._tail.batch()]  # type: ignore[arg-type]

    async def __aenter__(self) -> "_AllCounts":
        return self

    async def __aexit__(self, *_: object) -> None: ...


class _TailWhereAllCounts(SimulatedLog):
    def tail(self, topic: str, start: Mapping[int, int], *, growing: bool = False) -> SimulatedTail:
        return _AllCounts(super().tail(topic, start), self)  # type: ignore[return-value]


class RelaysEverything(Relay):
    """13: records that do not count too."""

    def __init__(self, log: SimulatedLog, **options: object) -> None:
        super().__init__(_TailWhereAllCounts(log.broker, log.process), **options)  # type: ignore[arg-type]


class RelaysAhead(Relay):
    """13: does not wait for the acknowledgement of the last one."""

    async def _send(self, messages: Sequence[Message]) -> None:
        self._sending = asyncio.create_task(super()._send(messages))


class RelaysOnce(Relay):
    """13: what is unknown is left out."""

    async def _send(self, messages: Sequence[Message]) -> None:
        try:
            await self._log.append_many(self._target, messages)
        except AppendUnknown:
            return


def _present_controls(machine: Machine) -> list:
    return [report._replace(controls_version=machine.ports.controls.version) for report in machine.owner.reports()]


def _ledger(kind: type[Ledger]) -> Callable[[ProcessClock], Ledger]:
    return lambda clock: kind(MEMORY)


DOUBLES: dict[str, Parts] = {
    "1 no claim of its own": Parts(log=NoClaim),
    "2 every record counts": Parts(log=EverythingCounts),
    "3 read up before the claim": Parts(log=ReadsUpBeforeTheClaim),
    "3 controls read before the claim": Parts(controls=ControlsOfBefore),
    "5 gaps are not seen": Parts(log=SeesNoGaps),
    "5 claims in gaps are ignored": Parts(log=SeesNoClaimInGaps),
    "5 sent is taken for acknowledged": Parts(log=TakesSentForStanding),
    "6 appends again under the same claim": Parts(log=AppendsAgain),
    "7 checkpoints go back": Parts(store=CheckpointsGoBack),
    "7 the floor goes back": Parts(store=FloorGoesBack),
    "7 a floor that checkpoints do not cover": Parts(store=FloorWithoutCheckpoints),
    "8 begins at the group's commit": Parts(seat=BeginsAtTheCommit),
    "9 an offset without its claim": Parts(anchor=offset_alone),
    "10 nothing is too old": Parts(rules=_ledger(NothingIsTooOld)),
    "10 remembered by one clock alone": Parts(rules=_ledger(RemembersByItsOwnClockAlone)),
    "11 follow-ups of what is only decided": Parts(rules=_ledger(_FollowsAtOnce), log=FollowsAtOnceLog),
    "11 no follow-ups from state": Parts(rules=_ledger(NothingFollowsFromState)),
    "11 no deadlines from state": Parts(rules=_ledger(NoDeadlinesFromState)),
    "11 any deadline has an effect": Parts(rules=_ledger(AnyDeadline)),
    "11 ids are not deterministic": Parts(rules=_ledger(RandomIds)),
    "12 the present version counts at once": Parts(reports=_present_controls),
    "13 relays what does not count": Parts(relay=RelaysEverything),
    "13 relays ahead": Parts(relay=RelaysAhead),
    "13 relays at most once": Parts(relay=RelaysOnce),
    "14 the clock alone": Parts(rules=OwnTime),
}

__all__ = ["DOUBLES", "Group", "Record", "World", "replace"]
