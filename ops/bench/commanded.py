"""What a publisher is told to send: a line `BURST EVERY` on its standard input, which counts until the next one comes.

So one process, with its clients connected once, is measured under several loads in turn.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from typing import Final

_LONGEST_SLEEP: Final = 0.05
"""A new load is noticed within that, however seldom the old one sends."""


class Commanded(asyncio.Protocol):
    """The last line that came: `burst` messages every `every` seconds; none before the first line."""

    def __init__(self) -> None:
        self.burst, self.every, self.lines = 0, 1.0, 0
        self.changed = asyncio.Event()
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        """Take what was written to the standard input."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            burst, every = line.split()
            self.burst, self.every = int(burst), int(every) / 1000
            self.lines += 1
            self.changed.set()


async def due_messages() -> AsyncIterator[int]:
    """How many messages are due, each time some are: on a fixed schedule, so that a late burst does not put off all that
    follow. Never ends.
    """
    told = Commanded()
    await asyncio.get_running_loop().connect_read_pipe(lambda: told, sys.stdin)
    while True:
        await told.changed.wait()
        told.changed.clear()
        async for due in _while_unchanged(told):
            yield due * told.burst


async def _while_unchanged(told: Commanded) -> AsyncIterator[int]:
    """How many bursts are due by now (1, unless the loop was held up), until another load is told."""
    line, every = told.lines, told.every
    following = time.monotonic() + every
    while told.burst and told.lines == line:
        left = following - time.monotonic()
        await asyncio.sleep(min(_LONGEST_SLEEP, max(0.0, left)))
        late = time.monotonic() - following
        if late >= 0 and told.lines == line:
            due = 1 + int(late / every)
            following += due * every
            yield due
