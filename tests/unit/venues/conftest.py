"""A simulated venue with a crypto pair, a share with sessions and an index, and a desk that sends it what tests need."""

import json
from itertools import count

import pytest

from ops.runtime.timestamps import format_timestamp, parse_timestamp
from storage.models.calendars import Calendar, Segment
from storage.models.instruments import Instrument
from storage.models.venues import (
    AmendRequest,
    CancelRequest,
    QueryRequest,
    SubmitRequest,
    VenueRecord,
    VenueReport,
    VenueRequest,
)
from storage.reference import ReferenceData
from streams.venues.simulated.decide import QuoteMoved
from streams.venues.simulated.rules import Rules
from streams.venues.simulated.venue import SimulatedVenue

SECOND = 1_000_000_000
BTC, SHARE, INDEX = "BTC.X", "ABC.US", "IDX.US"
MORNING = parse_timestamp("2024-03-12T15:00:00Z")  # a Tuesday, 11:00 in New York


def _instrument(symbol: str, **fields) -> Instrument:
    plain = {
        "venue": "X",
        "asset_class": "crypto",
        "calendar": "always",
        "currency": "USD",
        "price_precision": 2,
        "qty_precision": 3,
        "tick_size": "0.01",
        "lot_size": "0.001",
        "min_quantity": "0.001",
        "max_quantity": "1000",
        "min_notional": "0",
        "initial_margin_rate": "1",
        "maintenance_margin_rate": "1",
        "reference_price": "100",
    }
    return Instrument(symbol=symbol, **(plain | fields))


def _reference() -> ReferenceData:
    share = {"venue": "XNYS", "asset_class": "equity", "calendar": "day", "lot_size": "1", "min_quantity": "1"}
    segments = (
        Segment(state="premarket", start_minute=480, end_minute=570),
        Segment(state="open", start_minute=570, end_minute=720),
        Segment(state="open", start_minute=780, end_minute=960),
        Segment(state="postmarket", start_minute=960, end_minute=1200),
    )
    return ReferenceData.of(
        [
            _instrument(BTC),
            _instrument(SHARE, **share),
            _instrument(INDEX, asset_class="index", tradable=False),
        ],
        [
            Calendar(name="always", timezone="UTC", always_open=True),
            Calendar(name="day", timezone="America/New_York", weekly=dict.fromkeys(range(5), segments)),
        ],
    )


REFERENCE = _reference()


class Desk:
    """Sends requests and quotes and keeps every record."""

    def __init__(self, rules: Rules | None = None, symbol: str = BTC, now: int = MORNING) -> None:
        self.venue = SimulatedVenue(REFERENCE, rules)
        self.symbol = symbol
        self.now = now
        self.records: list[VenueRecord] = []
        self._offsets = count(1)
        self._seqs = count(1)
        self.quotes = count(1)

    @property
    def state(self):
        return self.venue.state(self.symbol)

    @property
    def reports(self) -> list[VenueReport]:
        return [report for record in self.records for report in record.reports]

    def reports_of(self, order_id: str) -> list[str]:
        return [report.kind for report in self.reports if report.order_id == order_id]

    def fills_of(self, order_id: str) -> list[tuple[str, str, str]]:
        return [
            (report.fill.price, report.fill.quantity, report.fill.liquidity)
            for report in self.reports
            if report.order_id == order_id and report.fill is not None
        ]

    def quote(self, bid="99", ask="101", *, size="5", last=None, bids=None, asks=None, ts=None) -> VenueRecord | None:
        value = {
            "symbol": self.symbol,
            "venue": "X",
            "last": last or "100",
            "bid": bid,
            "ask": ask,
            "bid_size": size if bid != "0" else "0",
            "ask_size": size if ask != "0" else "0",
            "session_state": "open",
            "ts": format_timestamp(self.now if ts is None else ts),
            "ts_in": format_timestamp(self.now),
        }
        if bids is not None or asks is not None:
            value |= {"bids": bids or [], "asks": asks or []}
        record = self.venue.quote(self.symbol, next(self.quotes), json.dumps(value).encode(), self.now)
        return self._keep(record)

    def show_again(self) -> VenueRecord | None:
        """The newest quote once more, as to a venue that is taken over."""
        feed = self.venue.board.newest(self.symbol)
        assert feed is not None
        return self._keep(self.venue._decide(QuoteMoved(self.symbol, feed), self.now))

    def _keep(self, record: VenueRecord | None) -> VenueRecord | None:
        if record is not None:
            self.records.append(record)
        return record

    def send(self, request: VenueRequest) -> VenueRecord:
        record = self.venue.request(next(self._offsets), request, self.now)
        self.records.append(record)
        return record

    def submit(self, order_id="o1", side="buy", quantity="1", price=None, *, tenant="t1", **fields) -> VenueRecord:
        return self.send(self.submission(order_id, side, quantity, price, tenant=tenant, **fields))

    def submission(self, order_id, side, quantity, price=None, *, tenant="t1", **fields) -> SubmitRequest:
        plain = {
            "seq": next(self._seqs),
            "account_id": f"acc-{tenant}",
            "connector": "sim-a",
            "symbol": self.symbol,
            "type": "market" if price is None else "limit",
            "time_in_force": "GTC",
            "valid_until": format_timestamp(self.now + 3 * SECOND),
        }
        return SubmitRequest(
            order_id=order_id, tenant_id=tenant, side=side, quantity=quantity, price=price, **(plain | fields)
        )

    def _about(self, order_id, tenant, fields) -> dict:
        plain = {"seq": next(self._seqs), "account_id": f"acc-{tenant}", "connector": "sim-a", "symbol": self.symbol}
        return {"order_id": order_id, "tenant_id": tenant} | plain | fields

    def amend(self, order_id="o1", *, tenant="t1", **fields) -> VenueRecord:
        fields.setdefault("valid_until", format_timestamp(self.now + 3 * SECOND))
        return self.send(AmendRequest(**self._about(order_id, tenant, fields)))

    def cancel(self, order_id="o1", *, tenant="t1", **fields) -> VenueRecord:
        return self.send(CancelRequest(**self._about(order_id, tenant, fields)))

    def query(self, order_id="o1", *, tenant="t1", **fields) -> VenueRecord:
        return self.send(QueryRequest(**self._about(order_id, tenant, fields)))

    def tick(self, seconds: float = 0) -> list[VenueRecord]:
        self.now += round(seconds * SECOND)
        records = self.venue.tick(self.now)
        self.records += records
        return records


@pytest.fixture(scope="session")
def new_desk() -> type[Desk]:
    return Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def share_desk() -> Desk:
    return Desk(symbol=SHARE)


@pytest.fixture(scope="session")
def reference() -> ReferenceData:
    return REFERENCE
