"""The processes of a platform as their heartbeats tell: who lives, what nobody reads, and what stands. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.operations import Heartbeat, Role
from storage.models.partition_progress import PartitionProgress, long_standing
from storage.topics import (
    ORDER_COMMANDS,
    ORDER_EVENTS,
    PLATFORM_EVENTS,
    QUOTES,
    RISK_SIGNALS,
    TRADES,
    VENUE_REQUESTS,
    Topics,
)

ALIVE_SECONDS: Final = 5
"""A process that has not beaten for so long (ten beats) counts as gone."""
READS: Final[Mapping[Role, tuple[str, ...]]] = {
    "market": (QUOTES, TRADES),
    "orders": (ORDER_COMMANDS,),
    "projection": (ORDER_EVENTS, RISK_SIGNALS, PLATFORM_EVENTS),
    "venues": (VENUE_REQUESTS,),
}
"""Which topics each role reads as a group: every partition must have a reader. A process of the role `local` reads them all."""


class Unread(NamedTuple):
    """Partitions of a topic that no living process of a role reads."""

    role: Role
    topic: str
    partitions: tuple[int, ...]


def is_alive(heartbeat: Heartbeat, now: int) -> bool:
    """Whether it was told in the last 5 s; `now` in ns."""
    return now - heartbeat.beat_at <= ALIVE_SECONDS * NANOSECONDS_PER_SECOND


def unread(heartbeats: Iterable[Heartbeat], topics: Topics, now: int) -> list[Unread]:
    """What nobody reads at `now`; for some seconds after a process has gone that is the time that a take-over takes."""
    alive = [heartbeat for heartbeat in heartbeats if is_alive(heartbeat, now)]
    found = []
    for role, names in READS.items():
        readers = [heartbeat for heartbeat in alive if heartbeat.role in {role, "local"}]
        for topic in names:
            read = {partition for heartbeat in readers for partition in heartbeat.partitions.get(topic, ())}
            if missing := tuple(sorted(set(range(topics[topic].partitions)) - read)):
                found.append(Unread(role, topic, missing))
    return found


def reads(heartbeats: Iterable[Heartbeat], now: int) -> list[PartitionProgress]:
    """Where every reader stands, as the living processes tell: of two that tell of one partition (one has just lost it) the
    one that is further.
    """
    furthest: dict[tuple[str, str, int], PartitionProgress] = {}
    for heartbeat in heartbeats:
        for one in heartbeat.progress if is_alive(heartbeat, now) else ():
            known = furthest.get(one.key)
            if known is None or (one.position, one.end) > (known.position, known.end):
                furthest[one.key] = one
    return [furthest[key] for key in sorted(furthest)]


def stalled_partitions(heartbeats: Sequence[Heartbeat], now: int) -> list[PartitionProgress]:
    """Partitions that do not move although records wait, the longest first."""
    return long_standing(reads(heartbeats, now))
