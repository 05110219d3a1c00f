"""However much one request, quote or moment touches: a record fits into a message, and the rest follows."""

import pytest

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.venues import VenueRecord, encode
from storage.topics import DEFAULT_TOPICS, VENUE_REPORTS
from streams.venues.simulated.draft import LARGEST_STEP

LARGEST = next(spec.message_bytes for spec in DEFAULT_TOPICS if spec.name == VENUE_REPORTS)
LONG = "x" * 36


def place(desk, number: int, side="buy", price="100", **fields) -> str:
    order_id = f"{LONG}-{number}"
    desk.submit(order_id, side, "0.01", price, tenant=f"{LONG}-{number % 7}", **fields)
    return order_id


def sizes_fit(records: list[VenueRecord]) -> bool:
    return max(len(encode(record)) for record in records) < LARGEST * 0.8


def statuses(desk) -> set[str]:
    return {order.status for order in desk.state.orders.values()}


def test_a_taker_that_meets_too_many_is_cut_off_and_never_leaves_a_crossed_book(desk):
    desk.quote("90", "110")
    for number in range(400):
        place(desk, number)
    record = desk.submit("taker", "sell", "4", "100", tenant="other")
    kinds = desk.reports_of("taker")
    assert 50 < kinds.count("filled") < 100
    assert kinds[-1] == "canceled"
    assert record.reports[-1].reason == "venue.too_many_fills"
    assert sizes_fit(desk.records)
    assert len(desk.state.book["buy"]) == 400 - kinds.count("filled")
    assert not desk.state.book["sell"]


def test_a_fill_or_kill_that_would_meet_too_many_does_not_fill_at_all(desk):
    desk.quote("90", "110")
    for number in range(400):
        place(desk, number)
    desk.submit("taker", "sell", "4", "100", tenant="other", time_in_force="FOK")
    assert desk.reports_of("taker") == ["acknowledged", "canceled"]
    desk.submit("small", "sell", "0.3", "100", tenant="other", time_in_force="FOK")
    assert desk.reports_of("small").count("filled") == 30


def test_a_quote_that_fills_more_than_fits_is_shown_again(desk):
    desk.quote("90", "110")
    for number in range(700):
        place(desk, number)
    first = desk.quote("90", "99", size="1000")
    assert len(first.orders) + len(first.reports) >= LARGEST_STEP
    shown = 1
    while desk.state.book["buy"]:
        desk.show_again()
        shown += 1
    assert shown < 10
    assert statuses(desk) == {"filled"}
    assert sum(len(fills) for fills in desk.state.fills.values()) == 700
    assert sizes_fit(desk.records)


@pytest.mark.parametrize("closed", [False, True], ids=["expiry", "open"])
def test_what_is_due_at_once_for_many_orders_is_done_in_several_records(share_desk, new_desk, closed):
    desk = share_desk
    desk.quote("90", "110")
    if closed:
        desk.now -= 3 * 3600 * NANOSECONDS_PER_SECOND
        desk.quote("90", "110")
    for number in range(900):
        desk.submit(f"{LONG}-{number}", "buy", "1", "100", time_in_force="DAY", client_order_id=LONG)
    desk.records.clear()
    desk.now += (2 if closed else 20) * 3600 * NANOSECONDS_PER_SECOND
    moments = 0
    while desk.tick():
        moments += 1
    assert 3 <= moments < 12
    assert sizes_fit(desk.records)
    assert statuses(desk) == ({"new"} if closed else {"expired"})
    assert (len(desk.state.book["buy"]), len(desk.state.queue)) == ((900, 0) if closed else (0, 0))


def test_reports_that_waited_for_a_connector_come_in_order_and_in_several_records(desk):
    desk.quote("99", "101", size="1000")
    desk.venue.board.faults = {"sim-a": "timeout"}
    orders = [place(desk, number, price="101") for number in range(500)]
    desk.venue.board.faults = {}
    desk.cancel(orders[-1], tenant=f"{LONG}-{499 % 7}")
    while desk.tick():
        pass
    assert sizes_fit(desk.records)
    assert {tuple(desk.reports_of(order)) for order in orders[:-1]} == {("unknown", "acknowledged", "filled")}
    assert desk.reports_of(orders[-1]) == ["unknown", "acknowledged", "filled", "cancel_rejected"]


def test_an_answer_to_a_query_has_the_newest_thousand_fills(desk):
    desk.quote("99", "101", size="1000")
    desk.submit("o1", "sell", "11", "100")
    for number in range(1_100):
        desk.submit(f"t{number}", "buy", "0.01", "100", tenant="other")
    desk.query("o1")
    told = desk.reports[-1]
    assert (told.outcome, told.filled_quantity, len(told.fills)) == ("filled", "11", 1_000)
    assert sizes_fit(desk.records)
