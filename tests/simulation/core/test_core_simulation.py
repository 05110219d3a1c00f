"""Thousands of seeded runs of the whole core with every fault kind, and planted bugs, each of which they must find.

`SIMULATION_RUNS` says how many (default 10,000 in CI, else 300), `SIMULATION_SEED` replays one seed, twice, and compares.
"""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import get_args

import pytest

from storage.models.order_events import Event
from tests.simulation.core.planted_bugs import PLANTED
from tests.simulation.core.running import Outcome, chunks, missing, run_chunk, run_planted, shrunk, simulate, workers
from tests.simulation.core.world import KINDS

pytestmark = pytest.mark.beside
RUNS = int(os.environ.get("SIMULATION_RUNS") or ("10000" if os.environ.get("CI") else "300"))
SEED = os.environ.get("SIMULATION_SEED")
ENOUGH_TO_MEET_ALL = 2_000
MOST_RUNS_FOR_A_BUG = 1_500
WANTED = (*KINDS, "superseded record", *(f"event {kind.__name__}" for kind in get_args(Event)))


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with workers() as pool:
        yield pool


@pytest.fixture(scope="module")
def searches(pool: ProcessPoolExecutor) -> dict[str, "Future[Outcome | None]"]:
    return {name: pool.submit(run_planted, name, MOST_RUNS_FOR_A_BUG) for name in PLANTED}


@pytest.mark.timeout(36_000)
@pytest.mark.skipif(SEED is not None, reason="one seed is replayed")
def test_no_run_breaks_an_invariant(pool: ProcessPoolExecutor) -> None:
    met: Counter[str] = Counter()
    wrong: list[Outcome] = []
    for happened, failed in pool.map(run_chunk, chunks(RUNS)):
        met += happened
        wrong += failed
    if wrong:
        smaller = pool.submit(shrunk, wrong[0].seed).result()
        replay = f"SIMULATION_SEED={wrong[0].seed} python -m pytest {os.path.relpath(__file__)} -k replays"
        every = "\n".join(f"seed {outcome.seed}: {outcome.wrong}" for outcome in wrong)
        pytest.fail(f"{every}\nthe first {smaller}\nreplay: {replay}")
    print(f"{RUNS:,} runs: {dict(met.most_common())}")  # noqa: T201
    if RUNS >= ENOUGH_TO_MEET_ALL:
        assert not missing(met, WANTED)


@pytest.mark.timeout(600)
def test_a_seed_replays_exactly(pool: ProcessPoolExecutor) -> None:
    for seed in [int(SEED)] if SEED else (11, 12, 13):
        first, second = (pool.submit(simulate, seed, digested=True).result() for _ in range(2))
        assert first == second
        assert first.digest
        assert first.wrong is None or not SEED, f"seed {seed}: {first.wrong}"


@pytest.mark.timeout(3_600)
@pytest.mark.skipif(SEED is not None, reason="one seed is replayed")
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(searches: dict[str, "Future[Outcome | None]"], name: str) -> None:
    found = searches[name].result()
    assert found is not None, f"{MOST_RUNS_FOR_A_BUG} runs did not notice: {PLANTED[name].__doc__}"
    print(f"{name}: found in run {found.seed + 1}: {found.wrong}"[:400])  # noqa: T201
