"""Processes that crash and pause, and how often the log, the store and the group misbehave in a run."""

import asyncio
import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Faults:
    """Chances of each call; all of them go to 0 when a run is healed."""

    append_lost: float = 0.03  # it never reaches the log
    acknowledgement_lost: float = 0.03  # it stands, and its writer is not told
    append_late: float = 0.02  # its writer is told "unknown", and then it stands all the same
    log_fails: float = 0.02
    store_fails: float = 0.05
    store_forgets_to_answer: float = 0.05
    write_late: float = 0.1
    slow: float = 0.1

    def heal(self) -> None:
        """No more faults."""
        for name in Faults.__slots__:
            setattr(self, name, 0.0)


class Crashed(Exception):
    """The process is gone; nobody is there to hear of it."""


@dataclass(slots=True, eq=False)
class Process:
    """One process. While it is paused nothing reaches it and it does nothing; a crash is a pause that never ends."""

    name: str
    random: random.Random
    faults: Faults
    crashed: bool = False
    skew: float = 0.0
    ended: bool = False
    _running: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._running.set()

    @property
    def runs(self) -> bool:
        """Whether it does anything now."""
        return self._running.is_set()

    def pause(self) -> None:
        self._running.clear()

    def resume(self) -> None:
        if not self.crashed:
            self._running.set()

    def crash(self) -> None:
        self.crashed = True
        self._running.clear()

    async def gate(self) -> None:
        """Returns when the process runs."""
        if not self.ended:
            await self._running.wait()

    async def travel(self) -> None:
        """The time that a request or an answer takes."""
        await asyncio.sleep(self.delay())

    def delay(self) -> float:
        """Seconds."""
        if self.random.random() < self.faults.slow:
            return self.random.uniform(0.01, 0.6)
        return self.random.choice((0.0, 0.001, 0.002, 0.005, 0.01))

    def chance(self, share: float) -> bool:
        """True for a share of the calls."""
        return self.random.random() < share
