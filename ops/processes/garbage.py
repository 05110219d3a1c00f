"""When a process looks for objects that hold nothing but each other: seldom by their number, and by the clock.

What a connection or a request leaves behind refers to itself. Looked for by number alone it stays for half an hour in a process
that makes few objects, and its memory rises meanwhile.
"""

import asyncio
import gc
from itertools import count
from typing import Final

from ops.processes.lifetime import Background

_MIDDLE: Final = 1
_OLD: Final = 2
_YOUNG_OBJECTS: Final = 50_000
LOOK_SECONDS: Final = 30.0
OLD_EVERY: Final = 20
"""Looks: every ten minutes. It costs some 20 ms for each 100,000 objects that were made after the start."""


def look_after_memory(background: Background) -> None:
    """Call once everything is assembled: what stands now is never collected, and the rest is looked at by the clock."""
    freeze_what_stands()
    background.start(look_for_garbage(), "garbage")


def freeze_what_stands() -> None:
    """What lives now is never looked at again, and young objects less often than Python would.

    A batch of a thousand records makes tens of thousands of objects that die at once; the default thresholds look at
    them again and again (a third of a stream process's CPU, docs/decisions/0028).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 100)


async def look_for_garbage(seconds: float = LOOK_SECONDS, old_every: int = OLD_EVERY) -> None:
    """For ever, every `seconds`: among what was made since the last look, each `old_every`th time among everything."""
    for look in count(1):
        await asyncio.sleep(seconds)
        gc.collect(_OLD if look % old_every == 0 else _MIDDLE)
