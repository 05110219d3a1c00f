"""Processes that crash and pause, and how often the log, the store and the group misbehave in a run."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

DELAYS: Final = (0.0, 0.0, 0.0, 0.001, 0.003, 0.01)
RATES: Final = (
    "append_lost",
    "acknowledgement_lost",
    "append_late",
    "log_fails",
    "store_fails",
    "store_forgets_to_answer",
    "write_late",
    "slow",
)


@dataclass(slots=True)
class Faults:
    """Chances of each call; all of them go to 0 when a run is healed. `met` counts what has happened."""

    append_lost: float = 0.03  # it never reaches the log
    acknowledgement_lost: float = 0.03  # it stands, and its writer is not told
    append_late: float = 0.02  # its writer is told "unknown", and then it stands all the same
    log_fails: float = 0.02
    store_fails: float = 0.05
    store_forgets_to_answer: float = 0.05
    write_late: float = 0.1
    slow: float = 0.1
    met: Counter[str] = field(default_factory=Counter)

    def heal(self) -> None:
        """No more faults."""
        for name in RATES:
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
        if delay := self.delay():
            await asyncio.sleep(delay)

    def delay(self) -> float:
        """Seconds."""
        if self.meets("slow"):
            return self.random.uniform(0.01, 0.6)
        return self.random.choice(DELAYS)

    def chance(self, share: float) -> bool:
        """True for a share of the calls."""
        return self.random.random() < share

    def meets(self, fault: str) -> bool:
        """Whether this call meets with the fault."""
        share: float = getattr(self.faults, fault)
        if not share or self.random.random() >= share:
            return False
        self.faults.met[fault] += 1
        return True
