"""Looks at the parts of the platform for `GET /v1/status`, at most once a second."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from gateway.quote_board import QuoteBoard, shown_state
from gateway.system.status import Component, Condition, condition_of_roles, conditions_of_venues
from ops.runtime.clock import Clock
from ops.runtime.health import Check
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.heartbeats import HeartbeatSource
from storage.models.operations import Role
from storage.mongo.failures import StoreUnavailable
from storage.reference import ReferenceData

FRESH_SECONDS: Final = 5
KEPT_SECONDS: Final = 1.0
_CHECK_SECONDS: Final = 3.0


class StatusProbe(Protocol):
    """Tells how each part is."""

    async def components(self) -> Sequence[Component]: ...


class PlatformProbe:
    """Heartbeats for streams and workers, checks for what this process reaches itself, feed states for the venues."""

    def __init__(
        self,
        *,
        clock: Clock,
        heartbeats: HeartbeatSource,
        checks: Mapping[str, Check],
        roles: Mapping[str, frozenset[Role]],
        board: QuoteBoard,
        reference: Callable[[], ReferenceData],
    ) -> None:
        """`checks` by component (`gateway`, `database`, `log`, `jobs`): None when well, else the problem in words.
        `roles` by component (`streams`, `workers`): the process roles of which each must beat; empty: none is expected.
        """
        self._clock = clock
        self._heartbeats = heartbeats
        self._checks = checks
        self._roles = roles
        self._board = board
        self._reference = reference
        self._kept: tuple[Component, ...] = ()
        self._kept_until = 0.0
        self._looking = asyncio.Lock()

    async def components(self) -> Sequence[Component]:
        """All parts; at most a second old."""
        async with self._looking:
            if self._clock.monotonic() >= self._kept_until:
                self._kept = tuple(await self._look())
                self._kept_until = self._clock.monotonic() + KEPT_SECONDS
        return self._kept

    async def _look(self) -> list[Component]:
        names = list(self._checks)
        answers = await asyncio.gather(self._by_role(), *(_ask(self._checks[name]) for name in names))
        by_role: dict[str, Condition] = answers[0]  # type: ignore[assignment]
        checked: dict[str, Condition] = dict(zip(names, answers[1:], strict=True))  # type: ignore[arg-type]
        known = {**by_role, **checked, **self._venues()}
        return [Component(name, condition) for name, condition in known.items()]

    async def _by_role(self) -> dict[str, Condition]:
        since = self._clock.now() - FRESH_SECONDS * NANOSECONDS_PER_SECOND
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                beating = await self._heartbeats.all(since)
        except (StoreUnavailable, TimeoutError):
            return dict.fromkeys(self._roles, "degraded")  # they may well be running: the database is what is out
        return {name: condition_of_roles(beating, roles) for name, roles in self._roles.items()}

    def _venues(self) -> Mapping[str, Condition]:
        states = []
        now = self._clock.now()
        for instrument in self._reference().instruments.values():
            quote = self._board.quote(instrument.symbol)
            state = shown_state(quote, instrument.stale_after_seconds, now) if quote else None
            states.append((instrument.venue, state))
        return conditions_of_venues(states)


async def _ask(check: Callable[[], Awaitable[str | None]]) -> Condition:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return "outage" if await check() else "operational"
    except TimeoutError:
        return "outage"
