"""A partition of `order-events` as real owners leave it: two accounts, take-overs, and what superseded owners still write."""

from functools import lru_cache
from random import Random

from ops.runtime.timestamps import parse_timestamp
from storage.log.memory_partition import MemoryRecord
from storage.models.order_records import OrderRecord, encode_record
from storage.models.ownership import claim_headers, record_headers
from storage.topics import ORDER_EVENTS
from tests.simulation.orders.world import World
from tests.unit.orders.trading_floor import ACCOUNT

OTHER = "acc_other"
"""An account whose orders, fills and commands have the very ids of the first one's."""


@lru_cache(maxsize=64)
def life(seed: int, steps: int = 200) -> tuple[OrderRecord, ...]:
    """The records of one simulated account."""
    world = World(seed)
    world.run(steps)
    return tuple(world.records)


def partition(seed: int, steps: int = 200) -> list[MemoryRecord]:
    """Two lives in one partition, with claims, and after some of them records of the owner before."""
    random = Random(seed)  # noqa: S311
    lives = [list(life(seed, steps)), list(life(seed + 1, steps))]
    names = [ACCOUNT, OTHER]
    written: list[MemoryRecord] = []
    _claim(written)
    epoch = before = 0
    while any(lives):
        if random.random() < 0.02:
            before, epoch = epoch, len(written)
            _claim(written)
        at = random.choice([number for number, left in enumerate(lives) if left])
        if before != epoch and random.random() < 0.1:
            ghost = random.choice(lives[at][:5])  # what the paused owner would have decided, or decided long ago
            _append(written, ghost, names[at], before)
        else:
            _append(written, lives[at].pop(0), names[at], epoch)
    return written


def _claim(written: list[MemoryRecord]) -> None:
    written.append(MemoryRecord(ORDER_EVENTS, 0, len(written), 0, b"claim", b"", claim_headers("c")))


def _append(written: list[MemoryRecord], record: OrderRecord, account_id: str, epoch: int) -> None:
    value = encode_record(record).replace(ACCOUNT.encode(), account_id.encode())
    headers = record_headers(epoch, record.cause.offset, parse_timestamp(record.ts), (("schema", b"order-record.1"),))
    written.append(MemoryRecord(ORDER_EVENTS, 0, len(written), 0, account_id.encode(), value, headers))
