"""Runs seeds: one, many in several processes, with a planted bug, and a failing one made smaller."""

import asyncio
import hashlib
import logging
from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.core.machines import Parts
from tests.simulation.core.world import ACTIONS, KINDS, World
from tests.simulation.owner import virtual_time


@dataclass(slots=True)
class Outcome:
    """What a run has come to. `digest` is of all that stands on the log."""

    seed: int
    wrong: str | None
    digest: str
    met: Counter[str] = field(default_factory=Counter)


def simulate(
    seed: int, parts: Parts | None = None, *, actions: int = ACTIONS, without: frozenset[str] = frozenset()
) -> Outcome:
    """One run."""
    worlds: list[World] = []

    async def main() -> None:
        worlds.append(World(seed, parts, actions=actions, without=without))
        await worlds[0].run()

    wrong: str | None = None
    try:
        virtual_time.run(main())
    except Exception as error:  # noqa: BLE001  (whatever it is, its seed is what is needed)
        wrong = f"{type(error).__name__}: {error}"
    return _outcome(seed, worlds[0], wrong)


def _outcome(seed: int, world: World, wrong: str | None) -> Outcome:
    digest = hashlib.sha256()
    for topic, records in sorted(world.broker.records.items()):
        digest.update(topic.encode())
        for record in records:
            digest.update(repr((record.key, record.value, record.headers)).encode())
    met = world.met + Counter({f"event {name}": number for name, number in world.books.events.items()})
    met["superseded record"] += world.books.superseded
    return Outcome(seed, wrong, digest.hexdigest(), met)
