"""Which processes are gone or not ready, by their heartbeats. Pure.

A process that stops cleanly takes its heartbeat away; one that dies leaves it for an hour. It is not missed any more once another of
its role has started since.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ops.runtime.timestamps import format_timestamp
from storage.models.alert_codes import PROCESS_GONE, PROCESS_NOT_READY
from storage.models.alerts import Raised
from storage.models.operations import Heartbeat

GONE_SECONDS: Final = 10
NOT_READY_SECONDS: Final = 30
STANDING: Final = "standing"
"""The cause of what is looked at again and again: seeing it once more is no other event."""
_SECOND: Final = 1_000_000_000


def gone(beats: Sequence[Heartbeat], now: int) -> list[Raised]:
    """The processes that are silent and were not replaced."""
    silent = sorted((one for one in beats if _is_silent(one, now)), key=lambda one: one.beat_at)
    living = sorted((one for one in beats if not _is_silent(one, now)), key=lambda one: one.started_at)
    missed = []
    for one in silent:
        successor = next(
            (other for other in living if other.role == one.role and other.started_at >= one.beat_at), None
        )
        if successor is None:
            missed.append(_gone(one, now))
        else:
            living.remove(successor)
    return missed


def not_ready_since(before: Mapping[str, int], beats: Sequence[Heartbeat], now: int) -> dict[str, int]:
    """By process id: since when it has been seen to live and not to be ready."""
    return {
        one.process_id: before.get(one.process_id, now) for one in beats if not one.ready and not _is_silent(one, now)
    }


def not_ready(since: Mapping[str, int], beats: Sequence[Heartbeat], now: int) -> list[Raised]:
    """The processes that have not been ready for half a minute."""
    return [
        _not_ready(one, since[one.process_id], now)
        for one in beats
        if one.process_id in since and now - since[one.process_id] >= NOT_READY_SECONDS * _SECOND
    ]


def _is_silent(one: Heartbeat, now: int) -> bool:
    return now - one.beat_at >= GONE_SECONDS * _SECOND


def _gone(one: Heartbeat, now: int) -> Raised:
    last = format_timestamp(one.beat_at)
    return Raised(
        PROCESS_GONE,
        "critical",
        one.process_id,
        f"The {one.role} process {one.process_id} has not said since {last} that it lives, and none has taken its place.",
        now,
        {"role": one.role, "host": one.host, "version": one.version, "last_beat_at": last},
        cause=STANDING,
    )


def _not_ready(one: Heartbeat, since: int, now: int) -> Raised:
    seen = format_timestamp(since)
    return Raised(
        PROCESS_NOT_READY,
        "warning",
        one.process_id,
        f"The {one.role} process {one.process_id} lives, but has not been ready since {seen}; its /readyz says why.",
        now,
        {"role": one.role, "host": one.host, "version": one.version, "since": seen},
        cause=STANDING,
    )
