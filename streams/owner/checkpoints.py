"""Acknowledged records -> checkpoints -> the floor: what an owner keeps of a partition, always a fold of what stands."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic

from storage.models.ownership import Checkpoint, Floor
from streams.owner.claiming import Standing, Superseded
from streams.owner.ports import Charge
from streams.owner.rules import Command, Event, State

logger = logging.getLogger(__name__)
AT_ONCE_BYTES: Final = 1_000_000
"""Of the checkpoints that are made together, but for the last: the event loop stands still meanwhile (a tenth of a second
for accounts), and one command to the database may have 48 MB.
"""
MOST_RESTS: Final = 6.0
LARGEST_BYTES: Final = 15_000_000
"""Of one checkpoint: a document may have 16 MB. A larger one is left out, and the floor stays before its first change."""


@dataclass(frozen=True, slots=True)
class Taken:
    """States as they were at one moment, and the floor once they are written."""

    checkpoints: list[Checkpoint]
    floor: Floor
    read: int

    @property
    def rests(self) -> float:
        """How many times the usual pause should follow: large states are kept less often (a megabyte costs the database 20 ms),
        and what is read up after a take-over stays within seconds.
        """
        return min(max(1.0, sum(len(each.state) for each in self.checkpoints) / AT_ONCE_BYTES), MOST_RESTS)


class Checkpointer(Generic[State, Command, Event]):
    """Keeps what one claim knows to stand. Offsets come in ascending order."""

    def __init__(self, charge: Charge[State, Command, Event], standing: Standing[State], epoch: int) -> None:
        self._partition, self._rules, self._ports = charge.partition, charge.rules, charge.ports
        self._limit = charge.options.checkpoint_keys
        self._uncovered, self._floor, self._history = standing.uncovered, standing.floor, standing.history
        self._epoch = self._read = epoch
        self._cause, self._decided_at = standing.cause, standing.decided_at

    @property
    def needed(self) -> bool:
        """Whether anything has changed since the floor."""
        return self._read > self._floor.upto

    def acknowledged(self, key: bytes, offset: int, cause: int | None, ts: int) -> None:
        """A record of ours stands at `offset`, and counts."""
        self._uncovered.changed(key, offset)
        self._read, self._decided_at = offset, ts
        if cause is not None:
            self._cause = cause

    def take(self, states: Mapping[bytes, State]) -> Taken:
        """The states of the keys that have waited longest; nothing that was decided may be unacknowledged now."""
        checkpoints = self._of_longest_waiting(states)
        upto = self._uncovered.floor(self._read)
        newest = max([self._floor.claim, *(claim for claim in self._history.claims if claim <= upto)])
        return Taken(checkpoints, Floor(self._partition, upto, newest, self._cause, self._decided_at), self._read)

    def _of_longest_waiting(self, states: Mapping[bytes, State]) -> list[Checkpoint]:
        checkpoints: list[Checkpoint] = []
        left: list[bytes] = []
        size = 0
        for key in self._uncovered.begin(self._limit):
            if size >= AT_ONCE_BYTES:
                left.append(key)
                continue
            state = self._rules.snapshot(states[key])
            if len(state) > LARGEST_BYTES:
                logger.error("partition %d: the checkpoint of %r is not kept: it has %d bytes, more than %d",
                             self._partition, key, len(state), LARGEST_BYTES)  # fmt: skip
                left.append(key)
                continue
            size += len(state)
            checkpoints.append(Checkpoint(self._partition, key, self._read, self._cause, self._decided_at, state))
        self._uncovered.put_back(left)
        return checkpoints

    async def write(self, taken: Taken) -> None:
        """Write them, then the floor, then the claims. Raises `Superseded`, and `StoreUnavailable` (nothing is lost)."""
        written = False
        try:
            refused = await self._ports.checkpoints.write(taken.checkpoints)
            if refused and await self._ports.checkpoints.furthest(refused) > taken.read:
                raise Superseded(f"somebody has stored checkpoints of partition {self._partition} beyond {taken.read}")
            written = True
        finally:
            self._uncovered.written() if written else self._uncovered.not_written()
        if taken.floor.upto > self._floor.upto:
            await self._ports.floors.raise_to(taken.floor)
            self._floor = taken.floor
        self._history = self._history.extended(taken.read, (), self._floor)
        await self.write_history()

    async def write_history(self) -> None:
        """Let readers know which claims were read."""
        await self._ports.claims.extend_to(self._history)
