"""Sweeps: one process at a time does each, a store that is away ends none, and the outbox gets jobs only from a broker."""

import asyncio
from collections.abc import Iterable

from ops.runtime.clock import ManualClock
from ops.runtime.metrics import Metrics
from storage.jobs import SEND_MAIL, Job
from storage.mongo.failures import StoreUnavailable
from workers.sweeps.outbox import outbox_sweep
from workers.sweeps.outlived import DAY_SECONDS, dropping
from workers.sweeps.sweeping import Sweep, Sweeping

SECOND = 1_000_000_000


class HeldLeases:
    """Leases in a dictionary."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[str, int]] = {}

    async def acquire(self, name: str, holder: str, ttl_seconds: float, now: int) -> bool:
        who, until = self.held.get(name, (holder, 0))
        if who != holder and until > now:
            return False
        self.held[name] = (holder, now + round(ttl_seconds * SECOND))
        return True

    async def release(self, name: str, holder: str) -> bool:
        return self.held.get(name, ("", 0))[0] == holder and self.held.pop(name) is not None


class WrittenOutbox:
    """Mails that are due, and which were swept."""

    def __init__(self, *due: str) -> None:
        self.waiting, self.asked = list(due), list[str]()

    async def due(self, now: int, limit: int) -> list[str]:
        return self.waiting[:limit]

    async def swept(self, outbox_ids: Iterable[str], now: int) -> None:
        self.asked += outbox_ids
        self.waiting = [each for each in self.waiting if each not in self.asked]


class SaidJobs:
    """Jobs that were asked for; `trouble` is the broker's."""

    def __init__(self) -> None:
        self.asked: list[tuple[Job, str]] = []
        self.trouble: str | None = None

    async def enqueue(self, job: Job, argument: str) -> None:
        self.asked.append((job, argument))

    async def problem(self) -> str | None:
        return self.trouble


def sweeping(leases: HeldLeases, holder: str, clock: ManualClock, *sweeps: Sweep) -> Sweeping:
    return Sweeping(sweeps, leases, holder, clock=clock, metrics=Metrics())


async def test_one_process_sweeps_until_it_is_silent_for_three_turns() -> None:
    done: list[str] = []

    def of(who: str) -> Sweep:
        async def work() -> int:
            done.append(who)
            return 1

        return Sweep("outbox", 5, work)

    leases, clock = HeldLeases(), ManualClock()
    first, second = sweeping(leases, "first", clock), sweeping(leases, "second", clock)
    assert [await first.once(of("first")), await second.once(of("second"))] == [1, 0]
    clock.advance(14.9)
    assert await second.once(of("second")) == 0
    clock.advance(0.1)
    assert [await second.once(of("second")), await first.once(of("first"))] == [1, 0]
    assert done == ["first", "second"]


async def test_a_store_that_is_away_is_asked_again_and_the_leases_are_given_back() -> None:
    turns: asyncio.Queue[int] = asyncio.Queue()
    number = 0

    async def work() -> int:
        nonlocal number
        number += 1
        await turns.put(number)
        if number == 1:
            raise StoreUnavailable("the database does not answer")
        return 0

    leases = HeldLeases()
    running = asyncio.create_task(sweeping(leases, "me", ManualClock(), Sweep("outbox", 0.01, work)).run())
    for _ in range(3):
        await asyncio.wait_for(turns.get(), 5)
    assert leases.held
    running.cancel()
    await asyncio.wait([running])
    assert leases.held == {}


async def test_what_is_due_gets_a_job_once() -> None:
    outbox, jobs = WrittenOutbox("notices:a:1", "notices:b:1"), SaidJobs()
    sweep = outbox_sweep(outbox, jobs, ManualClock())
    assert await sweep() == 2
    assert sorted(jobs.asked, key=str) == [(SEND_MAIL, "notices:a:1"), (SEND_MAIL, "notices:b:1")]
    assert await sweep() == 0


async def test_while_the_broker_is_away_mails_stay_due() -> None:
    outbox, jobs = WrittenOutbox("notices:a:1"), SaidJobs()
    jobs.trouble = "away"
    sweep = outbox_sweep(outbox, jobs, ManualClock())
    assert await sweep() == 0
    assert (outbox.waiting, jobs.asked) == (["notices:a:1"], [])
    jobs.trouble = None
    assert await sweep() == 1


async def test_what_is_old_is_dropped_by_its_age() -> None:
    clock, asked = ManualClock(), list[int]()

    async def drop_before(before: int) -> int:
        asked.append(before)
        return 3

    assert await dropping("sessions", drop_before, 30 * DAY_SECONDS, clock).work() == 3
    assert asked == [clock.now() - 30 * DAY_SECONDS * SECOND]
