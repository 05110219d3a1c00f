"""How the platform is, part by part: the pure rules of `GET /v1/status`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from storage.models.market_data import FeedState
from storage.models.operations import Heartbeat, Role

Condition = Literal["operational", "degraded", "outage"]
_NOTHING_WITHOUT: Final = frozenset({"gateway", "log", "database"})


@dataclass(frozen=True, slots=True)
class Component:
    """One part: `gateway`, `streams`, `workers`, `database`, `log`, `jobs`, or a venue by its id."""

    name: str
    status: Condition


def overall(components: Sequence[Component]) -> Condition:
    """`outage` where gateway, log or database is out, else `degraded` where any part is not operational."""
    if any(part.status == "outage" and part.name in _NOTHING_WITHOUT for part in components):
        return "outage"
    return "operational" if all(part.status == "operational" for part in components) else "degraded"


def condition_of_roles(heartbeats: Iterable[Heartbeat], roles: frozenset[Role]) -> Condition:
    """Of the processes with one of `roles` that beat lately: all ready, some not ready (degraded), none at all (outage).

    Without `roles` there is nothing that could be out.
    """
    if not roles:
        return "operational"
    ready = [heartbeat.ready for heartbeat in heartbeats if heartbeat.role in roles]
    if not any(ready):
        return "outage"
    return "operational" if all(ready) else "degraded"


def conditions_of_venues(states: Iterable[tuple[str, FeedState | None]]) -> Mapping[str, Condition]:
    """Of (venue, feed state of one of its symbols; None without a quote): out when every symbol that should be live is
    stale, degraded when some are. Closed venues and symbols without a quote are nothing to worry about.
    """
    expected: dict[str, list[bool]] = {}
    for venue, state in states:
        seen = expected.setdefault(venue, [])
        if state in {"live", "stale"}:
            seen.append(state == "stale")
    return {venue: _of_stale(stale) for venue, stale in sorted(expected.items())}


def _of_stale(stale: list[bool]) -> Condition:
    if not any(stale):
        return "operational"
    return "outage" if all(stale) else "degraded"
