"""Runs seeds: one, many in several processes, with a planted bug, and a failing one made smaller."""

import gc
import hashlib
import logging
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import pytest

from tests.simulation.core.machines import Parts
from tests.simulation.core.planted_bugs import PLANTED
from tests.simulation.core.world import ACTIONS, KINDS, World
from tests.simulation.owner import virtual_time

CHUNK: Final = 50
RUNS_BEFORE_COLLECTING: Final = 20


@dataclass(slots=True)
class Outcome:
    """What a run has come to. `digest` is of all that stands on the log, "" where it was not asked for; `met` counts what has
    happened in it.
    """

    seed: int
    wrong: str | None
    digest: str
    met: Counter[str] = field(default_factory=Counter)


def simulate(
    seed: int,
    parts: Parts | None = None,
    *,
    actions: int = ACTIONS,
    without: frozenset[str] = frozenset(),
    digested: bool = False,
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
    if seed % RUNS_BEFORE_COLLECTING == 0:
        gc.collect()
    world = worlds[0]
    met = world.met + world.books.events
    met["superseded record"] += world.books.superseded
    return Outcome(seed, wrong, _digest(world) if digested else "", met)


def _digest(world: World) -> str:
    digest = hashlib.sha256()
    for topic, records in sorted(world.broker.records.items()):
        digest.update(topic.encode())
        for record in records:
            digest.update(repr((record.key, record.value, record.headers)).encode())
    return digest.hexdigest()


def run_chunk(seeds: range) -> tuple[Counter[str], list[Outcome]]:
    """What has happened in all of them, and the first that went wrong."""
    met: Counter[str] = Counter()
    for seed in seeds:
        outcome = simulate(seed)
        met += outcome.met
        if outcome.wrong is not None:
            return met, [outcome]
    return met, []


def run_planted(name: str, most: int) -> Outcome | None:
    """The first run that goes wrong with the bug in the real components, and not without; None where none does."""
    for seed in range(most):
        with pytest.MonkeyPatch.context() as patch:
            outcome = simulate(seed, PLANTED[name](patch))
        if outcome.wrong is not None and simulate(seed).wrong is None:
            return outcome
    return None


def shrunk(seed: int) -> str:
    """The fewest actions and kinds of faults found with which a failing seed still fails, in words."""
    actions, without = ACTIONS, frozenset[str]()
    for fewer in range(1, ACTIONS):
        if simulate(seed, actions=fewer).wrong is not None:
            actions = fewer
            break
    for kind in KINDS:
        if simulate(seed, actions=actions, without=without | {kind}).wrong is not None:
            without |= {kind}
    wrong = simulate(seed, actions=actions, without=without).wrong
    needed = [kind for kind in KINDS if kind not in without]
    return f"with {actions} actions and the faults {needed or 'none'}: {wrong}"


def chunks(runs: int) -> Iterator[range]:
    """All seeds, some at a time."""
    for first in range(0, runs, CHUNK):
        yield range(first, min(first + CHUNK, runs))


@contextmanager
def workers() -> Iterator[ProcessPoolExecutor]:
    """One process a core. Their hashes are not randomised: a seed is the same run in every process."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "0"
    try:
        spawning = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(os.cpu_count(), mp_context=spawning, initializer=_begin) as pool:
            yield pool
            pool.shutdown(cancel_futures=True)
    finally:
        os.environ.pop("PYTHONHASHSEED")
        if before is not None:
            os.environ["PYTHONHASHSEED"] = before


def _begin() -> None:
    """The components warn of each fault that they meet; here there are thousands. Garbage waits for the end of a run, and
    the runs for whatever else wants a processor: other tests have clocks to meet.
    """
    os.nice(19)
    logging.disable(logging.CRITICAL)
    gc.disable()
    gc.freeze()


def missing(met: Counter[str], wanted: Iterable[str]) -> list[str]:
    """What has never happened."""
    return [name for name in wanted if not met[name]]
