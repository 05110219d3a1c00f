"""The sweep of the outbox: a mail that no job comes for, or whose sender died, gets a new job."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol

from ops.runtime.clock import Clock
from storage.jobs import SEND_MAIL
from workers.sweeps.ports import AnsweringJobs

MOST_AT_ONCE: Final = 200
"""Of a turn; the rest is found at the next one."""


class SweptOutbox(Protocol):
    """`storage.mongo.outbox.Outbox`."""

    async def due(self, now: int, limit: int) -> list[str]: ...
    async def swept(self, outbox_ids: Iterable[str], now: int) -> None: ...


def outbox_sweep(outbox: SweptOutbox, jobs: AnsweringJobs, clock: Clock) -> Callable[[], Awaitable[int]]:
    """The work of that sweep. While the broker is away nothing is asked of it, and the mails stay due."""

    async def sweep() -> int:
        if await jobs.problem() is not None:
            return 0
        found = await outbox.due(clock.now(), MOST_AT_ONCE)
        await asyncio.gather(*(jobs.enqueue(SEND_MAIL, outbox_id) for outbox_id in found))
        await outbox.swept(found, clock.now())
        return len(found)

    return sweep
