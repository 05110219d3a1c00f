"""What a worker says about itself: for heartbeats, metrics and `/readyz`."""

from dataclasses import dataclass

from storage.models.partition_progress import STALLED_SECONDS, PartitionProgress


@dataclass(frozen=True, slots=True)
class PartitionState:
    """One partition that is read here. `next_offset` is the first that is not durable yet, `lag` the records from
    there to the end as seen at most 5 s ago (None before the first look), `standing_seconds` for how long `next_offset` has
    not moved although records were waiting (`storage.models.partition_progress`).
    """

    topic: str
    partition: int
    next_offset: int
    lag: int | None
    standing_seconds: int = 0


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
    def unseen(self) -> tuple[PartitionState, ...]:
        """Partitions of which the log has not yet said how far they reach."""
        return tuple(held for held in self.partitions if held.lag is None)

    @property
    def stalled(self) -> tuple[PartitionState, ...]:
        """Partitions that have not moved for 30 s although records were waiting: an alert."""
        return tuple(held for held in self.partitions if held.standing_seconds >= STALLED_SECONDS)

    @property
    def progress(self) -> tuple[PartitionProgress, ...]:
        """How far the group is here; without the partitions that are `unseen`."""
        return tuple(
            PartitionProgress(
                self.group,
                held.topic,
                held.partition,
                held.next_offset,
                held.next_offset + held.lag,
                held.standing_seconds,
            )
            for held in self.partitions
            if held.lag is not None
        )
