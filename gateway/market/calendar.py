"""`GET /v1/calendar`: the sessions that each venue and asset class has on a trading date."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec

from gateway.http.calls import SignedCall
from gateway.http.query import QueryReader
from gateway.market.markets import known_venue
from gateway.market.ports import ReferenceSource
from ops.runtime.errors import HubError
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, format_timestamp
from storage.models.calendar_rules import TradingDay, sessions_of
from storage.models.instruments import ASSET_CLASSES
from storage.reference import ReferenceData

_FORM: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class CalendarPages:
    """Answers sessions out of the reference data."""

    def __init__(self, reference: ReferenceSource) -> None:
        self._reference = reference

    async def handle(self, call: SignedCall) -> bytes:
        """`data` of the answer. Raises `request.invalid`, `market.unknown_venue` or `market.no_calendar`."""
        reader = QueryReader(call.query)
        venue = reader.text("venue")
        asset_class = reader.choice("asset_class", ASSET_CLASSES)
        day = _day(reader, call.now)
        reader.finish()
        reference = self._reference()
        known_venue(reference, venue)
        try:
            sessions = list(_sessions(reference, venue, asset_class, day))
        except ValueError:
            raise HubError("market.no_calendar", {"date": day.isoformat()}) from None
        return msgspec.json.encode({"date": day.isoformat(), "sessions": sessions})


def _day(reader: QueryReader, now: int) -> date:
    today = datetime.fromtimestamp(now // NANOSECONDS_PER_SECOND, UTC).date()
    text = reader.text("date")
    if text is None:
        return today
    try:
        if _FORM.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    reader.refuse("date", "not a date", "YYYY-MM-DD")
    return today


def _sessions(
    reference: ReferenceData, venue: str | None, asset_class: str | None, day: date
) -> Iterator[dict[str, Any]]:
    wanted = {
        (item.venue, item.asset_class, item.calendar)
        for item in reference.instruments.values()
        if venue in {None, item.venue} and asset_class in {None, item.asset_class}
    }
    for item_venue, item_class, calendar_name in sorted(wanted):
        calendar = reference.calendars[calendar_name]
        about = {
            "venue": item_venue,
            "asset_class": item_class,
            "calendar": calendar_name,
            "timezone": calendar.timezone,
        }
        yield from _of_one(sessions_of(calendar, day), about)


def _of_one(trading_day: TradingDay, about: dict[str, Any]) -> Iterator[dict[str, Any]]:
    notes = {"notes": trading_day.notes} if trading_day.notes else {}
    opened = trading_day.open_sessions
    if not opened:
        yield {**about, "is_trading_day": False, **notes}
    for session in opened:
        times = {"open_at": format_timestamp(session.open_at), "close_at": format_timestamp(session.close_at)}
        yield {**about, "is_trading_day": True, **times, **notes}
