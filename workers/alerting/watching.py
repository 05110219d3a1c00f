"""Looks again and again at what may be wrong, and makes the alerts say what it sees: raised what is, resolved what is not any more."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ops.runtime.clock import Clock
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.alerting import AlertKeeper
from storage.heartbeats import HeartbeatSource
from storage.models.alert_codes import PARTITION_STALLED, PROCESS_GONE, PROCESS_NOT_READY
from storage.models.alerts import Alert, Raised
from storage.mongo.alerts import Alerts
from storage.stalled_partitions import StalledPartition
from workers.alerting.processes import LOOK_BACK_SECONDS, STANDING, gone, not_ready

SEEN_SECONDS: Final = 60
"""How often an alert that stands is reported again, so that it shows that what it says is still so."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Something to look at: `look(now, standing)` finds all that is wrong now under `codes`. `standing` are the alerts of what it
    found before: what is not found again is over.
    """

    codes: tuple[str, ...]
    look: Callable[[int, Sequence[Alert]], Awaitable[Sequence[Raised]]]


class Watching:
    """All watches of a platform. Run as a sweep, so in one process at a time."""

    def __init__(self, watches: Sequence[Watch], alerts: Alerts, keeper: AlertKeeper, clock: Clock) -> None:
        self._watches, self._alerts, self._keeper, self._clock = watches, alerts, keeper, clock

    async def work(self) -> int:
        """Look once; how many alerts were begun or resolved. Raises `StoreUnavailable`."""
        return sum([await self._look(watch) for watch in self._watches])

    async def _look(self, watch: Watch) -> int:
        now = self._clock.now()
        alerts = await self._alerts.standing(watch.codes)
        ours = [one for one in alerts if one.causes == (STANDING,)]  # what others have raised is theirs to end
        found = {(one.code, one.subject): one for one in await watch.look(now, ours)}
        standing = {(one.code, one.subject): one for one in ours}
        changed = 0
        for key, one in found.items():
            if key not in standing or _is_to_be_reported(standing[key], now):
                await self._keeper.report(one)
                changed += key not in standing
        for code, subject in standing.keys() - found.keys():
            await self._keeper.resolve(code, subject, now=now)
            changed += 1
        return changed


def _is_to_be_reported(alert: Alert, now: int) -> bool:
    return now - alert.last_seen_at >= SEEN_SECONDS * NANOSECONDS_PER_SECOND


def process_watch(heartbeats: HeartbeatSource) -> Watch:
    """The watch of all processes."""

    async def look(now: int, standing: Sequence[Alert]) -> list[Raised]:
        beats = await heartbeats.all(now - LOOK_BACK_SECONDS * NANOSECONDS_PER_SECOND)
        return [*gone(beats, standing, now), *not_ready(beats, now)]

    return Watch((PROCESS_GONE, PROCESS_NOT_READY), look)


def stalled_watch(look_at: Callable[[], Awaitable[Sequence[StalledPartition]]]) -> Watch:
    """The watch of partitions that stand, or that nobody reads."""

    async def look(now: int, _: Sequence[Alert]) -> list[Raised]:
        return [_stalled(one, now) for one in await look_at()]

    return Watch((PARTITION_STALLED,), look)


def _stalled(one: StalledPartition, now: int) -> Raised:
    name = f"{one.topic}-{one.partition}"
    if one.why == "stands":
        message = f"{one.group} has stood at {one.position} of {name} for {one.seconds} s while its log has grown to {one.end}."
    else:
        message = f"No process of {one.group} has read {name} for {one.seconds} s."
    return Raised(PARTITION_STALLED, "critical", f"{one.group}/{name}", message, now, one._asdict(), cause=STANDING)
