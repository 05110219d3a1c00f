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
    """Of the processes that beat lately: out when no process of any of `roles` is ready, degraded when one of `roles` has none
    that is, or some process is not ready: each role does what no other does.

    Without `roles` there is nothing that could be out.
    """
    if not roles:
        return "operational"
    ready: dict[Role, list[bool]] = {role: [] for role in roles}
    for heartbeat in heartbeats:
        if heartbeat.role in ready:
            ready[heartbeat.role].append(heartbeat.ready)
    if not any(any(found) for found in ready.values()):
        return "outage"
    return "operational" if all(found and all(found) for found in ready.values()) else "degraded"


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
