"""The beat of a load: something is begun at a fixed rate, whatever became of what was begun before."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from ops.bench.soak.told import Told

MOST_UNDER_WAY = 200
"""What would be begun beyond that is left out and counted."""


async def begin_at(rate: float, name: str, what: Callable[[int], Awaitable[None]], told: Told) -> None:
    """`what(number)` as a task, `rate` times a second, until cancelled. What a task raises ends the whole."""
    async with asyncio.TaskGroup() as group:
        began, under_way, number = time.monotonic(), 0, 0

        async def one(number: int) -> None:
            nonlocal under_way
            under_way += 1
            try:
                await what(number)
            finally:
                under_way -= 1

        while True:
            number += 1
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            if under_way < MOST_UNDER_WAY:
                group.create_task(one(number))
            else:
                told.count(f"{name}: left out, too many under way")
