"""How large a run is: the same benchmarks for figures worth keeping, for a glance, and for a test that they run at all."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """`rounds` of `seconds` each, after `warm_up` seconds, in which contenders take turns; figures are medians over them, ratios those of
    `paired.ratio`.

    `clients` are the subscriber counts of the fan-out; `readers` those of whom one is stuck; `connections` the idle ones;
    `trades` those that become bars; `records` the most that a partition is recovered from. Without `peers` nothing runs
    that is not Python.
    """

    rounds: int
    seconds: float
    clients: Sequence[int] = (50, 200, 1_000, 5_000)
    readers: int = 200
    connections: int = 2_000
    trades: int = 150_000
    records: int = 100_000
    peers: bool = True
    warm_up: float = 0.6


FULL = Scale(rounds=6, seconds=0.9)
QUICK = Scale(rounds=1, seconds=1.0, clients=(200,), connections=500, trades=60_000, records=20_000)
