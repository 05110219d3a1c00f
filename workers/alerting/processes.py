"""Which processes are gone or not ready, by their heartbeats and by the alerts that stand. Pure.

A process that stops cleanly takes its heartbeat away; one that dies leaves it for an hour. After that its alert is all that is known
of it. It is missed until it beats again, or another of its role has started since.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, format_timestamp, parse_timestamp
from storage.models.alert_codes import PROCESS_GONE, PROCESS_NOT_READY
from storage.models.alerts import Alert, Raised
from storage.models.operations import Heartbeat, Role

GONE_SECONDS: Final = 10
NOT_READY_SECONDS: Final = 30
LOOK_BACK_SECONDS: Final = 3_000
"""Heartbeats of that age and younger are looked at. Less than the hour for which they are kept (ops/processes/heartbeat.py), so that
one that is missing earlier was taken away by its own process.
"""
STARTING_SECONDS: Final = 300
"""How long a process that has started may take until its first heartbeat is seen."""
STANDING: Final = "standing"
"""The cause of what is looked at again and again: seeing it once more is no other event."""


class _Missing(NamedTuple):
    """A process of that role is silent. Whoever has started `since` (ns) may have taken its place."""

    role: Role
    since: int
    report: Raised


def gone(beats: Sequence[Heartbeat], standing: Sequence[Alert], now: int) -> list[Raised]:
    """The processes that are silent and were not replaced. `beats` are those of the last `LOOK_BACK_SECONDS`, `standing` the alerts
    of which this has told before. One that took a place and died since is missed instead of the one before it.
    """
    free = sorted(beats, key=lambda one: one.started_at)
    missed = []
    for missing in sorted(_missing(beats, standing, now), key=lambda one: one.since):
        successor = next((one for one in free if _follows(one, missing)), None)
        if successor is None:
            missed.append(missing.report)
        else:
            free.remove(successor)
    return missed


def _missing(beats: Sequence[Heartbeat], standing: Sequence[Alert], now: int) -> list[_Missing]:
    alerts = {one.subject: one for one in standing if one.code == PROCESS_GONE}
    heard = {one.process_id for one in beats}
    forgotten = [one for one in alerts.values() if one.subject not in heard]
    return [
        *(_silent(one, alerts.get(one.process_id), now) for one in beats if _is_silent(one, now)),
        *(_remembered(one, now) for one in forgotten if not _said_goodbye(one, now)),
    ]


def _follows(one: Heartbeat, missing: _Missing) -> bool:
    return one.role == missing.role and one.started_at >= missing.since and one.process_id != missing.report.subject


def _silent(one: Heartbeat, alert: Alert | None, now: int) -> _Missing:
    return _Missing(one.role, one.beat_at if alert is None else _since(one.beat_at, alert), _gone(one, now))


def _remembered(alert: Alert, now: int) -> _Missing:
    """A process of whose heartbeat nothing is left but what the alert says."""
    again = Raised(PROCESS_GONE, alert.severity, alert.subject, alert.message, now, alert.details, cause=STANDING)
    return _Missing(alert.details["role"], _since(_last_beat_at(alert), alert), again)


def _said_goodbye(alert: Alert, now: int) -> bool:
    """Of a process without a heartbeat: whether it has taken it away, as the last one is too young to be forgotten."""
    return now - _last_beat_at(alert) <= LOOK_BACK_SECONDS * NANOSECONDS_PER_SECOND


def _since(beat_at: int, alert: Alert) -> int:
    """Who started long before the alert was last looked at took another's place then, which is forgotten by now perhaps."""
    return max(beat_at, alert.last_seen_at - STARTING_SECONDS * NANOSECONDS_PER_SECOND)


def _last_beat_at(alert: Alert) -> int:
    return parse_timestamp(alert.details["last_beat_at"])


def not_ready(beats: Sequence[Heartbeat], now: int) -> list[Raised]:
    """The processes that live and have not been ready for half a minute, as they say themselves: who looks may have just started."""
    patience = NOT_READY_SECONDS * NANOSECONDS_PER_SECOND
    return [
        _not_ready(one, now)
        for one in beats
        if not one.ready and not _is_silent(one, now) and now - one.ready_since >= patience
    ]


def _is_silent(one: Heartbeat, now: int) -> bool:
    return now - one.beat_at >= GONE_SECONDS * NANOSECONDS_PER_SECOND


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


def _not_ready(one: Heartbeat, now: int) -> Raised:
    since = format_timestamp(one.ready_since)
    return Raised(
        PROCESS_NOT_READY,
        "warning",
        one.process_id,
        f"The {one.role} process {one.process_id} lives, but has not been ready since {since}; its /readyz says why.",
        now,
        {"role": one.role, "host": one.host, "version": one.version, "since": since},
        cause=STANDING,
    )
