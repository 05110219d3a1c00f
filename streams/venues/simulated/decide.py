"""The simulated venue decides here: one request, quote or moment in, at most one record out. Pure and total.

`decide(state, command, market)` changes nothing; `streams.venues.simulated.state.evolve` takes the record in.
"""

from typing import Final, NamedTuple

from ops.runtime.timestamps import format_timestamp, parse_timestamp
from storage.models.venues import (
    AmendRequest,
    CancelRequest,
    CheckConnector,
    ConnectorCheck,
    ConnectorFault,
    ReportKind,
    RequestKey,
    Side,
    SubmitRequest,
    VenueCause,
    VenueRecord,
    VenueRequest,
)
from storage.topics import QUOTES, VENUE_REQUESTS
from streams.venues.simulated.changing import amend, cancel, query
from streams.venues.simulated.draft import Draft
from streams.venues.simulated.entering import end, enter
from streams.venues.simulated.market import FeedBook, Market
from streams.venues.simulated.matching import meet_feed
from streams.venues.simulated.state import SymbolState
from streams.venues.simulated.submitting import is_triggered, submit
from streams.venues.simulated.upstream import REASONS

CLOCK: Final = "clock"
_SIDES: Final[tuple[Side, Side]] = ("buy", "sell")
_REFUSED: Final[dict[str, ReportKind]] = {
    "submit": "rejected",
    "amend": "replace_rejected",
    "cancel": "cancel_rejected",
}
_UPSTREAM: Final[dict[ConnectorFault, str]] = {
    "refuse": "SIM_CONNECTION_REFUSED",
    "timeout": "SIM_TIMEOUT",
    "down": "SIM_CONNECTOR_DOWN",
}


class Requested(NamedTuple):
    """A request, at its offset of `venue-requests`."""

    offset: int
    request: VenueRequest


class Unreadable(NamedTuple):
    """A record of `venue-requests` under the key `symbol` that is no request, and why."""

    offset: int
    symbol: str
    reason: str


class Checked(NamedTuple):
    """Somebody asks whether a connector answers, under the key `key`: that of the connector."""

    offset: int
    key: str
    check: CheckConnector


class QuoteMoved(NamedTuple):
    """The feed has a new book, which is what the market shows for this command."""

    symbol: str
    feed: FeedBook


class Elapsed(NamedTuple):
    """Time has gone on."""

    symbol: str


Command = Requested | Unreadable | Checked | QuoteMoved | Elapsed


def symbol_of(command: Command) -> str:
    """The symbol whose state decides a command (of a check: the connector, which has one too)."""
    if isinstance(command, Requested):
        return command.request.symbol
    return command.key if isinstance(command, Checked) else command.symbol


def decide(state: SymbolState, command: Command, market: Market) -> VenueRecord | None:
    """The record of a command; None when nothing changes, which never is so for a request."""
    draft = Draft(state, market)
    _catch_up(draft)
    if isinstance(command, Requested):
        return _on_request(draft, command)
    if isinstance(command, Unreadable):
        return draft.record(VenueCause(VENUE_REQUESTS, command.offset), refused=command.reason)
    if isinstance(command, Checked):
        return draft.record(VenueCause(VENUE_REQUESTS, command.offset), checked=_check(command.check, market))
    if isinstance(command, QuoteMoved):
        if state.taken_of <= market.quote and not state.is_quiet and market.is_open:
            _on_quote(draft)
        cause = VenueCause(QUOTES, command.feed.offset)
    else:
        cause = VenueCause(CLOCK)
    return None if draft.is_empty else draft.record(cause)


def _on_request(draft: Draft, command: Requested) -> VenueRecord:
    request = command.request
    key = RequestKey(request.order_id, request.seq)
    cause = VenueCause(VENUE_REQUESTS, command.offset, key)
    if draft.state.is_handled(key):
        return draft.record(cause, repeated=True)
    due = _arrives_at(draft, request)
    if due > draft.market.now:
        draft.park(request, due)
    else:
        _act(draft, request)
    return draft.record(cause)


def _arrives_at(draft: Draft, request: VenueRequest) -> int:
    """When a request reaches the book: after its latency, and not before what was sent for its order earlier."""
    due = draft.market.now + draft.market.rules.latency.of(request.order_id, request.seq)
    return max(due, *(p.due for p in draft.state.parked.values() if p.request.order_id == request.order_id), due)


def _act(draft: Draft, request: VenueRequest) -> None:
    """Let a request have its effect: connector, time limit, then the order. An order that is there is never put twice."""
    if isinstance(request, SubmitRequest) and draft.order(request.order_id) is not None:
        query(draft, request)
        return
    fault = draft.market.fault(request.connector)
    kind = _REFUSED.get(request.__struct_config__.tag)  # type: ignore[arg-type]  # tags are texts here
    if fault in ("refuse", "down") and kind is not None:
        draft.answer(request, kind, _UPSTREAM[fault])
        return
    if kind is not None and isinstance(request, SubmitRequest | AmendRequest) and _is_too_late(draft, request):
        draft.answer(request, kind, "SIM_TOO_LATE")
        return
    if fault == "timeout" and kind is not None:
        draft.answer(request, "unknown", "SIM_TIMEOUT")
    if isinstance(request, SubmitRequest):
        submit(draft, request)
    elif isinstance(request, AmendRequest):
        amend(draft, request)
    elif isinstance(request, CancelRequest):
        cancel(draft, request)
    else:
        query(draft, request)


def _check(check: CheckConnector, market: Market) -> ConnectorCheck:
    """What a connector answers when it is asked for nothing else."""
    ts, fault = format_timestamp(market.now), market.fault(check.connector)
    if fault == "none":
        return ConnectorCheck(check.job_id, check.connector, "up", ts)
    code = _UPSTREAM[fault]
    return ConnectorCheck(check.job_id, check.connector, "down", ts, REASONS[code], code)


def _is_too_late(draft: Draft, request: SubmitRequest | AmendRequest) -> bool:
    try:
        return draft.market.now > parse_timestamp(request.valid_until)
    except ValueError:
        return True  # a time that cannot be read has no later end than the present


def _on_quote(draft: Draft) -> None:
    """Resting orders meet the feed's new book, then the stops that its last price has reached come to the market."""
    start = draft.size
    for side in _SIDES:
        meet_feed(draft, side)
    for side in _SIDES:
        for key in draft.state.stops[side]:
            order = draft.order(key[2])
            if order is None or order.place != "stop":
                continue
            if not is_triggered(draft.market, order) or draft.is_full(start):
                break
            order = draft.change(order)
            draft.take_place(order)
            enter(draft, order)


def _catch_up(draft: Draft) -> None:
    """What has fallen due since the last record; what is too much for one is done by the next, which is due at once."""
    state, market = draft.state, draft.market
    if not state.is_scheduled:
        return
    _release(draft)
    if state.expiries and state.expiries[0][0] <= market.clock:
        _expire(draft)
    if state.parked:
        for parked in sorted(state.parked.values(), key=lambda parked: parked.due):
            if parked.due <= market.now and not draft.is_full(0):
                draft.unpark(parked)
                _act(draft, parked.request)
    if state.queue and market.is_open:
        for _, order_id in state.queue:
            order = draft.order(order_id)
            if draft.is_full(0):
                return
            if order is not None and order.place == "queue":
                order = draft.change(order)
                order.quote = market.quote
                enter(draft, order)


def _release(draft: Draft) -> None:
    """Send what was withheld, in the order in which it was made; one order's later reports wait for its earlier ones."""
    market, blocked = draft.market, set[str]()
    for held in draft.state.withheld.values():
        report = held.report
        if (
            held.due > market.now
            or market.is_silent(report.connector)
            or report.order_id in blocked
            or draft.is_full(0)
        ):
            blocked.add(report.order_id)
        else:
            draft.send_again(report)


def _expire(draft: Draft) -> None:
    clock = draft.market.clock
    for expires_at, order_id in draft.state.expiries:
        if expires_at > clock or draft.is_full(0):
            return
        order = draft.order(order_id)
        if order is not None and not order.is_final:
            end(draft, draft.change(order), "expired", "expired", "SIM_DAY_OVER")
