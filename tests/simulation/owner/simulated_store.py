"""Checkpoints, floors, claims and anchors with guarded writes that may come late, fail, or stand without an answer."""

from collections.abc import Callable, Sequence

from storage.models.ownership import BEGINNING, Anchor, Checkpoint, ClaimHistory, Floor
from storage.mongo.failures import StoreUnavailable
from tests.simulation.owner.faults import Process


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


class _Calls:
    def __init__(self, store: Store, process: Process) -> None:
        self.store, self.process = store, process

    async def _begin(self) -> None:
        process = self.process
        await process.gate()
        await process.travel()
        if process.chance(0.5):
            await process.gate()  # else it was under way before the process stood still
        if process.chance(process.faults.store_fails):
            await process.gate()
            raise StoreUnavailable("simulated")

    async def _end(self) -> None:
        process = self.process
        self.store.wrote()
        await process.travel()
        await process.gate()
        if process.chance(process.faults.store_forgets_to_answer):
            raise StoreUnavailable("simulated, it was written")


class SimulatedCheckpoints(_Calls):
    async def write(self, checkpoints: Sequence[Checkpoint]) -> list[bytes]:
        await self._begin()
        refused = []
        for checkpoint in checkpoints:
            if self.process.chance(self.process.faults.store_fails):
                await self.process.gate()
                raise StoreUnavailable("simulated, half-way")
            if not self.store.put_checkpoint(checkpoint):
                refused.append(checkpoint.key)
        await self._end()
        return refused

    async def of_partition(self, partition: int) -> list[Checkpoint]:
        await self._begin()
        found = list(self.store.checkpoints.values())
        await self._end()
        return found

    async def furthest(self, keys: Sequence[bytes]) -> int:
        await self._begin()
        return max((self.store.checkpoints[key].upto for key in keys if key in self.store.checkpoints), default=-1)


class SimulatedFloors(_Calls):
    async def get(self, partition: int) -> Floor:
        await self._begin()
        found = self.store.floor
        await self._end()
        return found

    async def raise_to(self, floor: Floor) -> bool:
        await self._begin()
        taken = self.store.put_floor(floor)
        await self._end()
        return taken


class SimulatedClaims(_Calls):
    async def get(self, partition: int) -> ClaimHistory:
        await self._begin()
        return self.store.history

    async def extend_to(self, history: ClaimHistory) -> bool:
        await self._begin()
        taken = self.store.put_history(history)
        await self._end()
        return taken


class SimulatedAnchors(_Calls):
    def __init__(self, store: Store, process: Process, reader: str) -> None:
        super().__init__(store, process)
        self._reader = reader

    async def get(self, partition: int) -> Anchor:
        await self.process.gate()
        return self.store.anchors.get(self._reader, BEGINNING)

    async def put(self, partition: int, anchor: Anchor) -> bool:
        await self._begin()
        taken = anchor.upto > self.store.anchors.get(self._reader, BEGINNING).upto
        if taken:
            self.store.anchors[self._reader] = anchor
        await self._end()
        return taken
