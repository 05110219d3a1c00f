"""Dead-man switches of connections: whose they are, when each is armed again, who takes over a dropped one's. Pure.

A switch is armed in the account under the name `ws:KEY:CONNECTION`. While its connection is there it is armed again every
third of its grace; once the connection is seen to be gone it is armed a last time, so that the whole grace counts from then, and
left to fall due, unless a new connection of the same key comes in time.
Times are seconds of one monotonic clock, but where `_ns` says nanoseconds since the epoch.
"""

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND
from storage.models.accounts import DeadMan

LEAST_GRACE_MS: Final = 5_000
MOST_GRACE_MS: Final = 3_600_000
RENEWALS_PER_GRACE: Final = 3
UNSENT_SECONDS: Final = 1.0
LATE_NS: Final = 1_000_000_000
"""How much later than a third of its grace a live switch may be armed again: what a gateway's tick, the way through the
core and to the read model may take."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a client asked for. `grace_ms` 0: the switch is to be off."""

    grace_ms: int
    spare_reduce_only: bool = False


class Other(NamedTuple):
    """A switch of the same key that is not from here, as it was `seen` last. `once`: it was armed again since it was seen first;
    that may have been the last time, by a gateway that saw its connection go.
    """

    seen: DeadMan
    once: bool = False


@dataclass(slots=True, eq=False)
class Switch:
    """One armed name. `holder` is its connection, None once that is gone; then it is armed once more and falls due at about `due_at`.

    `others` are names of the same key that stood in the account when this one was new, and when they were last seen to
    fall due (ns): those of them that nobody arms again are what connections have left which this one comes after.
    """

    name: str
    key_id: str
    account_id: str
    terms: Terms
    holder: Hashable | None
    renew_at: float
    due_at: float = 0.0
    since: float = 0.0
    others: list[Other] = field(default_factory=list)


class Switches:
    """Those of one process. Bounded: one a connection, and dropped ones until they fall due."""

    def __init__(self) -> None:
        self._held: dict[Hashable, Switch] = {}
        self._dropped: dict[str, Switch] = {}

    def __len__(self) -> int:
        return len(self._held) + len(self._dropped)

    def of(self, holder: Hashable) -> Switch | None:
        """The switch of a connection."""
        return self._held.get(holder)

    def knows(self, name: str) -> bool:
        """Whether it is that of a connection of this process, or was a moment ago."""
        return name in self._dropped or any(switch.name == name for switch in self._held.values())

    def arm(self, switch: Switch, terms: Terms, now: float) -> None:
        """Its terms from now on; the command for it is being sent."""
        switch.terms = terms
        switch.renew_at = now + (terms.grace_ms / RENEWALS_PER_GRACE / 1_000 if terms.grace_ms else UNSENT_SECONDS)

    def add(self, holder: Hashable, name: str, *, key_id: str, account_id: str, now: float) -> Switch:
        """A new switch of a connection that has none."""
        switch = self._held[holder] = Switch(name, key_id, account_id, Terms(0), holder, renew_at=now, since=now)
        return switch

    def take_over(self, holder: Hashable, key_id: str, account_id: str, now: float) -> list[Switch]:
        """What dropped connections of the key have left here: the first becomes that of the connection, which has none; the
        others, of a client that has dropped more than once, are to be switched off.
        """
        left = [
            switch
            for switch in self._dropped.values()
            if (switch.key_id, switch.account_id) == (key_id, account_id) and switch.due_at > now
        ]
        for switch in left:
            del self._dropped[switch.name]
        if left:
            self._held[holder] = left[0]
            left[0].holder, left[0].since = holder, now
        return left

    def forget(self, holder: Hashable) -> None:
        """The connection's switch is off."""
        self._held.pop(holder, None)

    def drop(self, holder: Hashable, now: float, silent_since: float | None = None) -> Switch | None:
        """The connection is gone. Its switch is due once more and then left to fall due; one that is returned is to be switched off:
        its client has asked for that, and it has not got through yet; or the connection was not heard from since `silent_since`, and
        after that another one of the same key was armed here.
        """
        switch = self._held.pop(holder, None)
        if switch is None:
            return None
        switch.holder = None
        if not switch.terms.grace_ms or (silent_since is not None and self._has_newer(switch, silent_since)):
            return switch
        switch.renew_at, switch.due_at = now, now + switch.terms.grace_ms / 1_000
        self._dropped[switch.name] = switch
        return None

    def due(self, now: float) -> list[Switch]:
        """Those to be armed again (or switched off, where that has not got through) now; forgets what has fallen due."""
        self._dropped = {name: switch for name, switch in self._dropped.items() if switch.due_at > now}
        held = [switch for switch in self._held.values() if switch.renew_at <= now]
        for switch in held:
            self.arm(switch, switch.terms, now)
        dropped = [switch for switch in self._dropped.values() if switch.renew_at <= now]
        for switch in dropped:
            switch.renew_at = math.inf
        return held + dropped

    def unsent(self, switches: Iterable[Switch], now: float) -> None:
        """The commands for them did not get onto the log: try again soon."""
        for switch in switches:
            switch.renew_at = min(switch.renew_at, now + UNSENT_SECONDS)

    def looking(self) -> list[Switch]:
        """Those that may still have somebody else's to take over."""
        return [switch for switch in self._held.values() if switch.others]

    def _has_newer(self, switch: Switch, since: float) -> bool:
        return any(
            (other.key_id, other.account_id) == (switch.key_id, switch.account_id) and other.since > since
            for other in self._held.values()
            if other.terms.grace_ms
        )


def left_of(others: Iterable[Other], present: dict[str, DeadMan]) -> list[Other]:
    """Those of `others` of which it is not known yet whether somebody has them: they were armed again once at most."""
    left = []
    for other in others:
        newest = present.get(other.seen.name)
        if newest == other.seen:
            left.append(other)
        elif newest is not None and not other.once:
            left.append(Other(newest, once=True))
    return left


def others_of(key_id: str, armed: Iterable[DeadMan], known: Callable[[str], bool]) -> list[DeadMan]:
    """The switches of a key among an account's that no connection of this process has."""
    return [one for one in armed if one.name.startswith(prefix(key_id)) and not known(one.name)]


def abandoned(seen: DeadMan, now_ns: int) -> bool:
    """Whether it should have been armed again by now, were its connection still there."""
    return now_ns > looked_at(seen)


def looked_at(seen: DeadMan) -> int:
    """When (ns) it is known whether it was armed again after it was seen."""
    grace_ns = seen.timeout_ms * NANOSECONDS_PER_MILLISECOND
    return seen.due_at - grace_ns + grace_ns // RENEWALS_PER_GRACE + LATE_NS


def prefix(key_id: str) -> str:
    """How the names of a key's switches begin."""
    return f"ws:{key_id}:"
