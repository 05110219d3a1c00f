"""Thousands of seeded runs of the order core with every fault kind; and planted bugs, each of which they must find.

`HUB_SIMULATION_RUNS` says how many (default 300), `HUB_SIMULATION_SEED` replays one seed, as a failure prints it.
"""

import os

import pytest

from tests.simulation.orders.ledger import Broken
from tests.simulation.orders.planted_bugs import PLANTED, Plant
from tests.simulation.orders.world import World

STEPS = 60
RUNS = int(os.environ.get("HUB_SIMULATION_RUNS", "300"))
MOST_RUNS_FOR_A_BUG = 400


def broken_by(seed: int, steps: int = STEPS) -> Exception | None:
    """What a seed breaks; None where all invariants hold. A core that raises is broken too."""
    try:
        World(seed).run(steps)
    except (Broken, ArithmeticError, LookupError, TypeError, ValueError, AssertionError) as error:
        return error
    return None


def shrunk(seed: int) -> int:
    """The fewest steps of a failing seed that still fail."""
    return next(steps for steps in range(STEPS + 1) if broken_by(seed, steps) is not None)


@pytest.mark.timeout(36_000)
def test_no_run_breaks_an_invariant() -> None:
    only = os.environ.get("HUB_SIMULATION_SEED")
    for seed in [int(only)] if only else range(RUNS):
        error = broken_by(seed)
        if error is not None:
            replay = f"HUB_SIMULATION_SEED={seed} python -m pytest {os.path.relpath(__file__)}"
            pytest.fail(f"seed {seed} after {shrunk(seed)} steps: {error!r}\nreplay: {replay}")


def test_a_seed_replays_exactly() -> None:
    first, second = World(11), World(11)
    first.run(STEPS)
    second.run(STEPS)
    assert first.records == second.records
    assert len(first.records) > STEPS // 2


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    found = next((seed for seed in range(MOST_RUNS_FOR_A_BUG) if broken_by(seed) is not None), None)
    assert found is not None, f"{MOST_RUNS_FOR_A_BUG} runs did not notice: {plant.__doc__}"
    print(f"{plant.__name__}: found in run {found + 1}: {broken_by(found)}")  # noqa: T201
