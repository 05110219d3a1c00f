"""What a worker says about itself: for heartbeats, metrics and `/readyz`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartitionState:
    """One partition that is read here. `next_offset` is the first that is not durable yet, `lag` the records from
    there to the end as seen at most 5 s ago (None before the first look), `idle_seconds` how long `next_offset` has
    not moved.
    """

    topic: str
    partition: int
    next_offset: int
    lag: int | None
    idle_seconds: float


@dataclass(frozen=True, slots=True)
class WorkerState:
    """`joined` is True from an assignment (which may be empty) until the next rebalance begins; `partitions` are those
    whose state is loaded; `records` counts what was made durable since the start; `claiming` are the partitions that were
    assigned to an owner which has not claimed and read them up yet.
    """

    group: str
    joined: bool
    partitions: tuple[PartitionState, ...]
    records: int
    claiming: tuple[int, ...] = ()

    @property
    def lag(self) -> int:
        """Records behind, over all partitions that are read here."""
        return sum(partition.lag or 0 for partition in self.partitions)

    @property
    def stalled(self) -> tuple[PartitionState, ...]:
        """Partitions that have lag and have not moved for 30 s: an alert."""
        return tuple(held for held in self.partitions if held.lag and held.idle_seconds > _STALL_SECONDS)


_STALL_SECONDS = 30.0
