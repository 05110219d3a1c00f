"""Checkpoints, floors, claims and anchors with guarded writes that may come late, fail, or stand without an answer."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from storage.models.ownership import BEGINNING, Anchor, Checkpoint, ClaimHistory, Floor
from storage.mongo.failures import StoreUnavailable
from tests.simulation.owner.faults import Process

Answer = TypeVar("Answer")


class Store:
    """What is stored. `wrote` is called after each write."""

    def __init__(self) -> None:
        self.checkpoints: dict[bytes, Checkpoint] = {}
        self.floor = Floor(0)
        self.floors: list[Floor] = []
        self.history = ClaimHistory(0)
        self.anchors: dict[str, Anchor] = {}
        self.wrote: Callable[[], None] = lambda: None

    def put_checkpoint(self, checkpoint: Checkpoint) -> bool:
        """Guarded."""
        stored = self.checkpoints.get(checkpoint.key)
        if stored is not None and stored.upto >= checkpoint.upto:
            return False
        self.checkpoints[checkpoint.key] = checkpoint
        return True

    def put_floor(self, floor: Floor) -> bool:
        """Guarded."""
        if self.floor.upto >= floor.upto:
            return False
        self.floor = floor
        self.floors.append(floor)
        return True

    def put_history(self, history: ClaimHistory) -> bool:
        """Guarded."""
        if self.history.upto >= history.upto:
            return False
        self.history = history
        return True


class Calls:
    """A call that has left its process goes on by itself: it may change what is stored long after its caller has gone."""

    def __init__(self, store: Store, process: Process) -> None:
        self.store, self.process = store, process

    async def _call(self, action: Callable[[], Answer], *, writes: bool = False) -> Answer:
        process = self.process
        await process.gate()
        answer = await asyncio.shield(asyncio.create_task(self._carry_out(action, writes=writes)))
        await process.travel()
        await process.gate()
        if process.meets("store_forgets_to_answer"):
            raise StoreUnavailable("simulated, it was carried out")
        return answer

    async def _carry_out(self, action: Callable[[], Answer], *, writes: bool) -> Answer:
        process = self.process
        await process.travel()
        if process.meets("store_fails"):
            raise StoreUnavailable("simulated")
        if writes and process.meets("write_late"):
            await asyncio.sleep(process.random.uniform(0.3, 3))
        answer = action()
        if writes:
            self.store.wrote()
        return answer


class SimulatedCheckpoints(Calls):
    async def write(self, checkpoints: Sequence[Checkpoint]) -> list[bytes]:
        leading = len(checkpoints)
        if self.process.meets("store_fails"):
            leading = self.process.random.randrange(leading + 1)

        def put() -> list[bytes]:
            return [each.key for each in checkpoints[:leading] if not self.store.put_checkpoint(each)]

        refused = await self._call(put, writes=True)
        if leading < len(checkpoints):
            raise StoreUnavailable("simulated, half-way")
        return refused

    async def of_partition(self, partition: int) -> list[Checkpoint]:
        return await self._call(lambda: list(self.store.checkpoints.values()))

    async def furthest(self, keys: Sequence[bytes]) -> int:
        stored = self.store.checkpoints
        return await self._call(lambda: max((stored[key].upto for key in keys if key in stored), default=-1))


class SimulatedFloors(Calls):
    async def get(self, partition: int) -> Floor:
        return await self._call(lambda: self.store.floor)

    async def raise_to(self, floor: Floor) -> bool:
        return await self._call(lambda: self.store.put_floor(floor), writes=True)


class SimulatedClaims(Calls):
    async def get(self, partition: int) -> ClaimHistory:
        return await self._call(lambda: self.store.history)

    async def extend_to(self, history: ClaimHistory) -> bool:
        return await self._call(lambda: self.store.put_history(history), writes=True)


class SimulatedAnchors(Calls):
    def __init__(self, store: Store, process: Process, reader: str) -> None:
        super().__init__(store, process)
        self._reader = reader

    async def get(self, partition: int) -> Anchor:
        await self.process.gate()
        return self.store.anchors.get(self._reader, BEGINNING)

    async def put(self, partition: int, anchor: Anchor) -> bool:
        return await self._call(lambda: self._put(anchor), writes=True)

    def _put(self, anchor: Anchor) -> bool:
        taken = anchor.upto > self.store.anchors.get(self._reader, BEGINNING).upto
        if taken:
            self.store.anchors[self._reader] = anchor
        return taken
