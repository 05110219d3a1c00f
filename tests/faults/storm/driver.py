"""Chooses faults by seed, alone and in overlapping pairs, and looks how long nobody is answered."""

import asyncio
import itertools
import random
import time
from collections.abc import Sequence
from contextlib import suppress

from tests.faults.order_road.traders import Asked, Trader
from tests.faults.report import Injection, Round, Wrong
from tests.faults.storm.catalogue import Fault, label
from tests.faults.storm.scene import Scene

PAIRS = 0.4
"""Which part of the time two faults come together."""
LONGEST_RECOVERY_SECONDS = 60.0
ANSWERED = 3
"""So many writes that were begun after the end of a fault have their answer: it is over."""

Chosen = tuple[Fault, str]


class Driver:
    """Every choice comes from `chance`, so a seed gives the same faults again, if not at the same moments. A `series` of so many
    injections that each fault can have its turn gives each of them one, before the weights count.
    """

    def __init__(
        self, scene: Scene, catalogue: Sequence[Fault], traders: Sequence[Trader], chance: random.Random, series: int
    ) -> None:
        self._scene, self._traders, self._chance = scene, traders, chance
        self._faults = [fault for fault in catalogue if any(map(fault.may_touch, scene.targets))]
        self._due = chance.sample(self._faults, len(self._faults)) if series >= len(self._faults) else []

    async def run(self, count: int, found: Round) -> None:
        """Put so many faults into the scene, each after the one before it (or the pair) is over."""
        left = count
        while left > 0:
            chosen = self.choose(2 if left > 1 and self._chance.random() < PAIRS else 1)
            left -= len(chosen)
            await self._inject(chosen, found)

    def choose(self, count: int) -> list[Chosen]:
        """So many faults that come together, each of a target of its own."""
        chosen: list[Chosen] = []
        while len(chosen) < count:
            taken = {_touched(target) for _, target in chosen}
            free = [target for target in self._scene.targets if _touched(target) not in taken]
            fault = next((one for one in self._due if any(map(one.may_touch, free))), None)
            if fault is not None:
                self._due.remove(fault)
            else:
                [fault] = self._chance.choices(self._faults, [one.often for one in self._faults])
            if targets := list(filter(fault.may_touch, free)):
                chosen.append((fault, self._chance.choice(targets)))
        return chosen

    async def _inject(self, chosen: list[Chosen], found: Round) -> None:
        begun = time.monotonic()
        labels = [label(fault, target) for fault, target in chosen]
        delay = 0.0
        made: list[Injection] = []
        async with asyncio.TaskGroup() as group:
            for number, (fault, target) in enumerate(chosen):
                seconds = self._chance.uniform(*fault.seconds)
                beside = labels[1 - number] if len(chosen) > 1 else None
                made.append(Injection(labels[number], target.partition("/")[2], beside=beside))
                group.create_task(self._one((fault, target), (delay, seconds), made[-1], found))
                delay = self._chance.uniform(0.0, seconds)
        recovered = await self._recovered()
        if recovered is None:
            what = f"{' with '.join(labels)}: no writes are answered {LONGEST_RECOVERY_SECONDS:.0f} s after its end"
            found.wrong.append(Wrong("otherwise", what))
        silence = round(self._silence(begun), 2)
        for one in made:
            one.silence, one.more["recovered"] = silence, recovered

    async def _one(self, chosen: Chosen, times: tuple[float, float], made: Injection, found: Round) -> None:
        (fault, target), (delay, seconds) = chosen, times
        await asyncio.sleep(delay)
        found.note(made)
        begun = time.monotonic()
        async with fault.act(self._scene, target.partition("/")[2]):
            await asyncio.sleep(seconds)
        made.seconds = round(time.monotonic() - begun, 2)

    async def _recovered(self) -> float | None:
        """How long it took from now until writes that began since are answered (s); None: longer than a minute."""
        now = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_RECOVERY_SECONDS):
                while sum(one.began > now for one in self._answered(now)) < ANSWERED:  # noqa: ASYNC110  (other processes)
                    await asyncio.sleep(0.1)
                return round(time.monotonic() - now, 2)
        return None

    def _silence(self, since: float) -> float:
        """The longest time since then in which nobody got an answer."""
        moments = [since, *sorted(one.ended for one in self._answered(since)), time.monotonic()]
        return max(after - before for before, after in itertools.pairwise(moments))

    def _answered(self, since: float) -> list[Asked]:
        recent = [one for trader in self._traders for one in trader.asked[-200:]]
        return [one for one in recent if one.status and one.ended > since]


def _touched(target: str) -> str:
    """A broker and its disk are one."""
    return target.replace("disk/", "service/")
