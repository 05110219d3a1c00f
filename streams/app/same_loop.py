"""Faust's consumer on the event loop of its process.

Faust gives it a thread with a loop of its own, and each fetch then crosses to that thread and back: four wake-ups, and under
load each of them waits for the interpreter (docs/decisions/0152). Here nothing holds the loop for long, so heartbeats go on.
"""

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from typing import Any

from faust.transport.drivers import aiokafka as driver


class SameLoop(driver.AIOKafkaConsumerThread):
    """Faust's consumer "thread", without a thread. Calls go on when whoever made them is cancelled, as in a thread; but not
    fetches, which then bring nothing.
    """

    _serving: asyncio.Task[None] | None = None

    def __init__(self, consumer: driver.Consumer, **arguments: Any) -> None:
        super().__init__(consumer, loop=consumer.loop, thread_loop=consumer.loop, **arguments)

    async def start(self) -> None:
        """Start the consumer. Raises what connecting raises."""
        self._thread_started.set()
        running = self._thread_running = asyncio.get_running_loop().create_future()
        self._serving = asyncio.create_task(self._serve(), name="faust consumer")
        self._serving.add_done_callback(_look)  # `crash` has told it
        try:
            await running
        finally:
            self._thread_running = None

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call it here; some of what Faust hands over is no coroutine function."""
        called = fun(*args, **kwargs)
        if not isawaitable(called):
            return called
        if fun == self._fetch_records:
            return await called
        return await asyncio.shield(asyncio.ensure_future(called))

    async def _gather_remaining_tasks(self) -> None:
        """Nothing: the loop's other tasks are not of this consumer."""


def _look(task: "asyncio.Task[None]") -> None:
    if not task.cancelled():
        task.exception()
