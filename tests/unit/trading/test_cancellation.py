"""What a cancel's answer lists: the newest that is known of each order."""

from msgspec.structs import replace

from gateway.trading.cancellation import Cancellation
from storage.models.order_events import CancelRejected, FirstAnswer
from tests.unit.orders.trading_floor import Desk, only


def asked(*found: str, failed: dict[str, str] | None = None) -> Cancellation:
    listed = [{"order_id": order_id, "code": code} for order_id, code in (failed or {}).items()]
    cancellation = Cancellation()
    cancellation.begin(FirstAnswer(5, "t", "CancelRequested", details={"found": list(found), "failed": listed}))
    return cancellation


def test_lists_each_order_once_as_it_stands():
    desk = Desk()
    order = only(desk.place())
    cancellation = asked("a", "b", "c", "d", failed={"x": "order.not_found"})
    cancellation.show([replace(order, order_id="a", state="canceled", status="canceled", seq=9)])
    cancellation.show([replace(order, order_id="b", state="filled", status="filled", seq=9)])
    record = desk.place()
    cancellation.take(replace(record, seq=11, orders=(), events=(CancelRejected("c", "venue.too_late"),)))
    result = cancellation.result()
    assert (result.canceled, result.pending) == (["a"], ["d"])
    assert {one.order_id: one.error_code for one in result.failed} == {
        "b": "order.already_final",
        "c": "venue.too_late",
        "x": "order.not_found",
    }
    assert cancellation.seq == 11


def test_a_named_order_that_was_neither_found_nor_failed_was_left_out_by_another_selector():
    cancellation = asked("a", failed={"x": "order.not_found"})
    cancellation.leave_out(("x", "b", "a"))
    result = cancellation.result()
    assert (result.canceled, result.pending) == ([], ["a"])
    assert {one.order_id: one.error_code for one in result.failed} == {
        "x": "order.not_found",
        "b": "order.not_selected",
    }


def test_an_older_image_does_not_take_back_what_a_newer_one_said():
    order = only(Desk().place())
    cancellation = asked("a")
    cancellation.show([replace(order, order_id="a", status="canceled", seq=9)])
    cancellation.show([replace(order, order_id="a", status="filled", seq=8)])
    assert cancellation.result().canceled == ["a"]
    cancellation.show([replace(order, order_id="a", status="filled", seq=10)])
    assert cancellation.result().canceled == []


def test_orders_that_were_not_asked_about_are_nobodys():
    order = only(Desk().place())
    cancellation = asked()
    cancellation.show([order])
    assert cancellation.pending == []
    assert cancellation.result().failed == []
