from storage.models.order_commands import VenueUnknown
from storage.models.venues import AmendRequest, CancelRequest, QueryRequest, SubmitRequest
from streams.orders.venue_requests import requests_of
from tests.unit.orders.trading_floor import COIN, TENANT, Desk


def test_each_request_is_known_by_the_order_and_the_seq_that_asked() -> None:
    desk = Desk()
    placed = desk.place(quantity="2", client_order_id="sim:partial:1:a")
    (submit,) = requests_of(placed, TENANT)
    assert isinstance(submit, SubmitRequest)
    assert (submit.order_id, submit.seq, submit.connector, submit.symbol) == ("ord-1", placed.seq, "sim-a", COIN)
    assert (submit.quantity, submit.price, submit.client_order_id) == ("2", "99", "sim:partial:1:a")
    assert submit.valid_until == "2023-11-14T22:13:23Z"
    (amend,) = requests_of(desk.amend("ord-1", price="98"), TENANT)
    assert isinstance(amend, AmendRequest)
    assert (amend.price, amend.quantity, amend.seq) == ("98", "2", placed.seq + 1)
    (cancel,) = requests_of(desk.cancel("ord-1"), TENANT)
    assert isinstance(cancel, CancelRequest)
    (query,) = requests_of(desk.report(VenueUnknown, "ord-1", code="venue.timeout"), TENANT)
    assert isinstance(query, QueryRequest)
    assert requests_of(desk.acknowledge("ord-1"), TENANT) == ()


def test_a_market_order_carries_the_worst_price_that_its_margin_was_reserved_for() -> None:
    desk = Desk()
    placed = desk.place(order_type="market")
    (submit,) = requests_of(placed, TENANT)
    assert isinstance(submit, SubmitRequest)
    assert submit.worst_price == placed.orders[0].reserve_price == "110"
    (limit,) = requests_of(desk.place(), TENANT)
    assert isinstance(limit, SubmitRequest)
    assert limit.worst_price is None
