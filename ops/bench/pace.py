"""When a publisher's bursts are due: on a fixed schedule, so that a late one does not put off all that follow."""

import asyncio
import time
from collections.abc import AsyncIterator


async def turns(milliseconds: int) -> AsyncIterator[int]:
    """Every `milliseconds` yields how many bursts are due by now (1, unless the loop was held up)."""
    every = milliseconds / 1000
    following = time.monotonic() + every
    while True:
        await asyncio.sleep(max(0.0, following - time.monotonic()))
        due = 1 + max(0, int((time.monotonic() - following) / every))
        following += due * every
        yield due
