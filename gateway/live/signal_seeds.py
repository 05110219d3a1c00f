"""The snapshot of `risk.*`: what the read model has of an owner's signals, and what the feed has read since.

No signal is missed, whatever runs meanwhile: the owner's frames are noted as the feed reads them; the model is read once it
has come to where that began; the feed then reads at least as far as the model can have; so what was noted, folded over
the model, is what is active at the feed's position, and the updates that follow repeat nothing of it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, Protocol

from gateway.live.feed import Feed
from gateway.live.frames import Frame
from gateway.live.order_snapshots import BEHIND_SECONDS, SnapshotBehind, read_on
from gateway.live.shard import Shard
from gateway.live.signals import ActiveSignals
from gateway.live.sources import account_route
from storage.log.port import Log

_POLL_SECONDS: Final = 0.02


class StoredSignals(Protocol):
    """The read model of `risk-signals`. Both raise `StoreUnavailable`."""

    async def progress(self, partition: int) -> int:
        """The last offset of the partition that the model has (-1: none)."""
        ...

    async def of(self, owner: str) -> Sequence[bytes]:
        """The JSON of the signals of an account, or of `platform`, that are active, oldest first."""
        ...


class SignalSeeds:
    """Seeds owners in `signals`, each once. `stored` None: nothing was active before the feed began."""

    def __init__(self, log: Log, stored: StoredSignals | None, signals: ActiveSignals) -> None:
        self._log, self._stored, self._signals = log, stored, signals
        self._seeding: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def seed(self, owner: str, feed: Feed, shard: Shard) -> None:
        """Return when what is active of `owner` is known, as of the feed's position.

        Raises `SnapshotBehind`, and `LogUnavailable` and `StoreUnavailable`.
        """
        route = account_route("risk", owner)
        async with self._seeding[shard.partition]:
            while not self._signals.is_seeded(route):
                self._signals.note(route)
                try:
                    await self._seed(owner, route, feed, shard)
                finally:
                    self._signals.give_up(route)

    async def _seed(self, owner: str, route: str, feed: Feed, shard: Shard) -> None:
        start = shard.position
        stored = await self._read(self._stored, owner, shard.partition, start) if self._stored else []
        await read_on(self._log, feed, shard)
        address = feed.source.address(shard, owner.encode())
        frames = [Frame(address, start, "update", value) for value in stored] if address is not None else []
        if self._signals.is_noted(route):
            self._signals.seed(route, frames)

    async def _read(self, stored: StoredSignals, owner: str, partition: int, start: int) -> Sequence[bytes]:
        try:
            async with asyncio.timeout(BEHIND_SECONDS):
                while await stored.progress(partition) < start:  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_SECONDS)  # the projection tells nobody that it has moved
        except TimeoutError:
            raise SnapshotBehind(f"the risk signals have not come to {start} of partition {partition}") from None
        return await stored.of(owner)
