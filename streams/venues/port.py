"""The port between order relays and a venue: what every venue, simulated or real, must do.

Rules for all. The id that a venue is sent is derived from the order's id, so a resend is the same order. Requests are
de-duplicated by (order, seq). Calls return when the request is taken over; what becomes of it comes as reports, also
when the venue cannot be reached (`rejected`: surely not there) or does not answer (`unknown`: perhaps there, resolved by
asking, never by sending again blindly). On every connect open orders and fills are reconciled.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from storage.models.venues import (
    AmendRequest,
    CancelRequest,
    OrderType,
    OrderView,
    PositionView,
    SubmitRequest,
    TimeInForce,
    VenueReport,
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a venue can do; what it cannot is refused before it is sent.

    `queues_when_closed`: DAY and GTC orders wait at the venue for the open, else they are rejected with `session.closed`.
    `amends`: an amend is one step at the venue (else cancel and new). `requests_per_second` bounds the token bucket
    (None: no limit).
    """

    order_types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]
    post_only: bool
    stop_limit: bool
    amends: bool
    queues_when_closed: bool
    requests_per_second: float | None = None


class VenueDisconnected(Exception):
    """The stream of reports has ended; open orders and fills must be reconciled on a new one."""


class Venue(Protocol):
    """One connector to one venue."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def submit(self, request: SubmitRequest) -> None:
        """Answered by `acknowledged`, `rejected`, `filled`, `canceled` or `unknown`."""
        ...

    async def amend(self, request: AmendRequest) -> None:
        """Answered by `replaced`, `replace_rejected` or `unknown`."""
        ...

    async def cancel(self, request: CancelRequest) -> None:
        """Answered by `canceled`, `cancel_rejected` or `unknown`."""
        ...

    async def query(self, order_id: str) -> OrderView | None:
        """What the venue knows of the order; None when it has never had it (or no longer knows it)."""
        ...

    async def open_orders(self) -> Sequence[OrderView]:
        """All orders of this connector that may still fill."""
        ...

    async def fills(self, since: int) -> Sequence[VenueReport]:
        """The `filled` reports of this connector from `since` (ns since the epoch) on, in order of time."""
        ...

    async def positions(self) -> Sequence[PositionView]:
        """The net positions that the venue holds for this connector's accounts."""
        ...

    def reports(self) -> AsyncIterator[VenueReport]:
        """Every report of this connector from now on, those of one order in their order. Raises `VenueDisconnected`."""
        ...
