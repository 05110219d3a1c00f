"""Acknowledged records of an owner -> the relays beside it, without a way over the log: each fetch of a record costs as much
as the decision that made it.

Relays judge what they get as if they had read it. What is not the owner's own (a claim, what another has written between)
stands in a gap, and a gap is read from the log.
"""

from typing import NamedTuple

from storage.log.fed_tail import FedTail
from storage.log.port import Headers, Log, Message
from storage.topics import TopicSpec


class OwnRecord(NamedTuple):
    """See `storage.log.port.Record`; `timestamp` is when it was decided, in ms."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Headers


class OwnRecords:
    """Of one topic of records. An owner tells what stands, and each claim: what an append that was unknown has left on the
    log stands before it.
    """

    def __init__(self, log: Log, spec: TopicSpec) -> None:
        self._log, self._spec = log, spec
        self._tails: dict[int, list[FedTail]] = {}

    def tail(self, partition: int, start: int) -> FedTail:
        """What a tail of the partition would deliver up to the newest record or claim of the owner here."""
        return FedTail(self._log, self._spec, {partition: start}, self)

    def stands(self, partition: int, offset: int, message: Message, decided_at: int) -> None:
        """A record of the owner's is acknowledged, and counts. `decided_at` in ns."""
        if tails := self._tails.get(partition):
            record = OwnRecord(self._spec.name, partition, offset, decided_at // 1_000_000, *message)
            for tail in tails:
                tail.feed(partition, (record,))

    def claimed(self, partition: int, epoch: int) -> None:
        """The owner decides under a claim that stands at `epoch`."""
        for tail in self._tails.get(partition, ()):
            tail.reaches(partition, epoch + 1)

    async def begin(self, tail: FedTail, partition: int) -> None:
        """See `storage.log.fed_tail.Feeder`."""
        tails = self._tails.setdefault(partition, [])
        if tail not in tails:
            tails.append(tail)

    def end(self, tail: FedTail) -> None:
        """See `storage.log.fed_tail.Feeder`."""
        for tails in self._tails.values():
            if tail in tails:
                tails.remove(tail)
