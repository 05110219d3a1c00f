"""Ownership holds in every world of the model within small bounds, and on long ways by chance; without a rule it does not.

Not in the model: 10 (ids and memory), 13 (a relay reads one topic and writes another) and 14 (time), since its commands
have no age and its records no clock; the real component's runs in test_owner_simulation.py switch these off.
"""

import pytest

from tests.simulation.owner.exploring import explore, wander
from tests.simulation.owner.model import Bounds, Wrong

SMALL = {
    "a rebalance": Bounds(),
    "a rebalance and a crash": Bounds(crashes=1),
    "a rebalance and two checkpoints": Bounds(checkpoints=2),
    "a rebalance and an append that is lost, late or unheard of": Bounds(unknowns=1),
    "two rebalances and a halt": Bounds(commands=1, rebalances=2, halts=True),
    "a crash, a checkpoint, one record at a time": Bounds(commands=1, checkpoints=1, crashes=1, in_flight=1),
}
LARGE = Bounds(commands=4, owners=3, rebalances=3, crashes=2, unknowns=2, checkpoints=3, in_flight=3, halts=True)
WAYS = 1_500

OFF = {
    "1": ("no claim of its own", "a rebalance"),
    "2": ("every record counts", "a rebalance"),
    "3": ("reads up before the claim", "a rebalance"),
    "3c": ("reads the controls before the claim", "two rebalances and a halt"),
    "4": ("two records a command", "a rebalance and a crash"),
    "5": ("does not look into gaps", "a rebalance"),
    "6": ("sends again under the same claim", "a rebalance and an append that is lost, late or unheard of"),
    "7": ("checkpoints go back", "a rebalance and two checkpoints"),
    "7f": ("the floor goes back", "a rebalance and two checkpoints"),
    "7c": ("checkpoints of what is only decided", "a rebalance and two checkpoints"),
    "7o": ("the floor rises without its checkpoints", "a rebalance and two checkpoints"),
    "8": ("begins at the group's commit", "a rebalance"),
    "9": ("an offset without its claim", "a rebalance and two checkpoints"),
    "11": ("follows up what is only decided", "a rebalance"),
    "11s": ("no follow-ups from state", "a rebalance and a crash"),
    "12": ("a version counts at once", "two rebalances and a halt"),
    "12l": ("claims looked up before the halt", "two rebalances and a halt"),
}


@pytest.mark.parametrize("bounds", SMALL)
def test_every_world_within_small_bounds_is_right(bounds: str) -> None:
    assert explore(SMALL[bounds]) > 1_000


def test_long_ways_by_chance_are_right() -> None:
    assert sum(wander(seed, LARGE) for seed in range(WAYS)) > 50 * WAYS


@pytest.mark.parametrize("rule", OFF)
def test_without_a_rule_something_is_wrong(rule: str) -> None:
    _, bounds = OFF[rule]
    with pytest.raises(Wrong):
        explore(SMALL[bounds], frozenset({rule}))
