"""Whether a connector is up: two words, an admin's and that of the health checks, and what follows from them. Pure.

An admin's word wins until it is taken back; without any word a connector is down, as nobody has seen it up.
"""

from typing import Final, Literal, NamedTuple

import msgspec

from storage.models.controls import ConnectorState, ConnectorStatus, ConnectorWord

Source = Literal["admin", "health"]
UNCHECKED: Final = "connector.unchecked"
"""The reason of a connector that nobody has said anything of."""
SILENT: Final = "connector.silent"
"""The reason of a connector that says nothing: the process of its venue is away, whatever the connector would say."""


class Availability(NamedTuple):
    """A connector as orders see it, by whose word, and since when (ns) that word has said so; `updated_by` is an admin."""

    connector: str
    status: ConnectorStatus
    source: Source
    reason: str
    since: int
    updated_by: str | None


def availability_of(connector: str, state: ConnectorState | None, known_since: int) -> Availability:
    """What the state of a connector comes to; `known_since` (ns) stands where no word tells a time."""
    if state is None:
        return Availability(connector, "down", "health", UNCHECKED, known_since, None)
    if state.admin is not None:
        word = state.admin
        return Availability(connector, word.status, "admin", word.reason, word.since, word.by)
    if state.health is not None:
        return Availability(connector, state.health.status, "health", state.health.reason, state.health.since, None)
    return Availability(connector, state.status, "health", state.reason, known_since, None)


def is_silent(state: ConnectorState) -> bool:
    """Whether a connector is down by nothing but its silence."""
    return state.admin is None and (state.status, state.reason) == ("down", SILENT)


def by_admin(connector: str, state: ConnectorState | None, word: ConnectorWord) -> ConnectorState:
    """The state after an admin's word; a word that was said before the one that stands changes nothing."""
    before = state.admin if state is not None else None
    if state is not None and before is not None and before.at > word.at:
        return state
    return _state(connector, _continued(before, word), state.health if state is not None else None, state)


def by_health_alone(connector: str, state: ConnectorState | None) -> ConnectorState:
    """The state after an admin's word was taken back."""
    return _state(connector, None, state.health if state is not None else None, None)


def by_health(connector: str, state: ConnectorState | None, word: ConnectorWord) -> ConnectorState:
    """The state after what the health checks have found."""
    before = state.health if state is not None else None
    if before is not None and (before.status, before.reason) == (word.status, word.reason):
        word = before
    return _state(connector, state.admin if state is not None else None, _continued(before, word), state)


def _continued(before: ConnectorWord | None, word: ConnectorWord) -> ConnectorWord:
    """`word`, whose status began when the word before began to say so."""
    if before is None or before.status != word.status:
        return word
    return msgspec.structs.replace(word, since=before.since)


def _state(
    connector: str, admin: ConnectorWord | None, health: ConnectorWord | None, before: ConnectorState | None
) -> ConnectorState:
    ruling = admin or health
    if ruling is not None:
        return ConnectorState(connector, ruling.status, ruling.reason, admin, health)
    if before is not None:
        return before
    return ConnectorState(connector, "down", UNCHECKED)
