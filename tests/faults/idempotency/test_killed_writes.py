"""A writer behind the gateway's edge, killed between record and effect: the retry ends right, with one effect and answer.

12 seeded runs by default, `FAULTS=all` 200. `WRITE_SEED` chooses other ones. Half of the kills are at a step, half of them at
a moment.
"""

import asyncio
import multiprocessing
import os
import random
import secrets
from collections.abc import AsyncIterator
from multiprocessing.context import ForkServerContext

import pytest

from storage.models.idempotency import LEASE_SECONDS
from storage.mongo.connect import Store, connect
from tests.faults.idempotency.writer import Write, write
from tests.faults.report import Round, reported

pytestmark = [pytest.mark.faults, pytest.mark.mongo]
RUNS = 200 if os.environ.get("FAULTS") == "all" else 12
SEED = int(os.environ.get("WRITE_SEED", "5"))
MOST_KILLS = 3
STEPS = 12
MOST_SECONDS = 0.03
KILLED = -9
HERE = "tests.faults.idempotency.writer"


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that have everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([HERE])
    return context


@pytest.fixture
async def store(mongo_url: str) -> AsyncIterator[Store]:
    store = connect(mongo_url, f"test_{secrets.token_hex(6)}")
    yield store
    await store.client.drop_database(store.database.name)
    store.close()


def attempt(processes: ForkServerContext, one: Write, kill_after: float | None) -> tuple[int | None, tuple | None]:
    """Run a try to its end: its exit code and what it answered. `kill_after` is seconds from the request on."""
    here, there = processes.Pipe()
    process = processes.Process(target=write, args=(one, there))
    process.start()
    there.close()
    assert here.poll(30)
    assert here.recv() == "ready"
    here.send("go")
    if kill_after is not None:
        process.join(kill_after)
        process.kill()
    process.join(30)
    try:
        answered = here.recv() if here.poll() else None
    except (EOFError, ConnectionResetError):
        answered = None
    return process.exitcode, answered


@pytest.mark.timeout(900)
@pytest.mark.parametrize("run", range(RUNS))
async def test_the_retry_ends_right(processes: ForkServerContext, store: Store, mongo_url: str, run: int) -> None:
    with reported("idempotent writes", SEED, run) as found:
        await _killed_and_retried(processes, store, mongo_url, run, found)


async def _killed_and_retried(
    processes: ForkServerContext, store: Store, mongo_url: str, run: int, found: Round
) -> None:
    lot = random.Random(f"{SEED}/{run}")  # noqa: S311  (not for secrets)
    key, secret, kills = f"the key {run}", lot.random() < 0.5, lot.randint(1, MOST_KILLS)
    heard: list[tuple[int, bytes]] = []
    later = 0.0
    for _ in range(kills):
        by_step = lot.random() < 0.5
        one = Write(mongo_url, store.database.name, key, secret, later, lot.randrange(STEPS) if by_step else -1)
        moment = None if by_step else lot.uniform(0, MOST_SECONDS)
        exit_code, answered = await asyncio.to_thread(attempt, processes, one, moment)
        assert exit_code in {0, KILLED}
        if exit_code == KILLED:
            found.add("SIGKILL writer behind the edge, in a write")
        if answered is not None:
            heard.append(answered)
        later += LEASE_SECONDS + lot.uniform(0, 5)
    for _ in range(2):
        final = Write(mongo_url, store.database.name, key, secret, later)
        exit_code, answered = await asyncio.to_thread(attempt, processes, final, None)
        assert exit_code == 0
        assert answered is not None
        assert answered[0] == 200
        heard.append(answered)
    assert {status for status, _ in heard} == {200}
    assert len({body for _, body in heard}) == 1
    for collection in ("things", "letters"):
        assert await store.database[collection].count_documents({"key": key}) == 1
