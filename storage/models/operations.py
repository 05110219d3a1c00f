"""What processes leave behind so that operators and other processes can see them: heartbeats and leases."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from storage.models.ownership import PartitionReport
from storage.models.partition_progress import PartitionProgress
from storage.models.recent_figures import RecentFigures

Role = Literal["gateway", "market", "orders", "projection", "venues", "feed", "workers", "local"]


class OwnedPartition(BaseModel):
    """What the owner of a partition of `topic` (a topic of records) says: its claim, and the version of the controls that
    counts as applied there.
    """

    model_config = ConfigDict(frozen=True)

    topic: str
    partition: int
    epoch: int
    controls_version: int


def owned_partitions(records: str, reports: Iterable[PartitionReport]) -> list[OwnedPartition]:
    """The reports of an owner of the topic `records`, as a heartbeat carries them."""
    return [OwnedPartition(topic=records, **report._asdict()) for report in reports]


class Heartbeat(BaseModel):
    """A process says that it lives. Times in nanoseconds since the epoch; `lag` is records behind, by `topic-partition`.

    It is `ready` or not since `ready_since`, and then `problems` says why not, in words, by check. `progress` is where each
    partition that it reads stands, `rates` how often a second things happened in the time of `recent`.
    """

    model_config = ConfigDict(frozen=True)

    process_id: str
    role: Role
    version: str
    host: str
    started_at: int
    beat_at: int
    ready: bool
    ready_since: int = 0
    problems: dict[str, str] = Field(default_factory=dict)
    progress: list[PartitionProgress] = Field(default_factory=list)
    recent: RecentFigures = Field(default_factory=RecentFigures)
    partitions: dict[str, list[int]] = Field(default_factory=dict)
    lag: dict[str, int] = Field(default_factory=dict)
    rates: dict[str, float] = Field(default_factory=dict)
    details: dict[str, Any] = Field(default_factory=dict)
    owners: list[OwnedPartition] = Field(default_factory=list)


class Lease(BaseModel):
    """The right of one holder to do something alone (one feed a venue and symbol) until `expires_at` (nanoseconds)."""

    model_config = ConfigDict(frozen=True)

    name: str
    holder: str
    expires_at: int
