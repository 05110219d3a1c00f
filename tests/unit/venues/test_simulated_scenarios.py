"""Each scenario behaves as its name says; connector faults; latency; sessions."""

from dataclasses import replace
from decimal import Decimal

import pytest

from ops.runtime.timestamps import parse_timestamp
from streams.venues.simulated.rules import SIMULATED, LatencyModel, Rules
from streams.venues.simulated.scenarios import Scenario, scenario_of

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "scenario"),
    [
        (None, Scenario("")),
        ("mine-1", Scenario("")),
        ("simple", Scenario("")),
        ("sim:reject:1", Scenario("reject")),
        ("sim:reject:a:b", Scenario("reject")),
        ("sim:partial:3:1", Scenario("partial", 3)),
        ("sim:partial:101:1", None),
        ("sim:slow:250:1", Scenario("slow", 250)),
        ("sim:slow:0:1", Scenario("slow", 0)),
        ("sim:reject", None),
        ("sim:reject:", None),
        ("sim:partial:1", None),
        ("sim:partial:0:1", None),
        ("sim:partial:x:1", None),
        ("sim:slow:600001:1", None),
        ("sim:rejct:1", None),
        ("sim:", None),
    ],
)
def test_scenarios_are_read_from_the_client_order_id(text, scenario):
    assert scenario_of(text) == scenario


def play(desk, name, **fields):
    desk.quote()
    desk.submit(client_order_id=f"sim:{name}:x", **({"price": "101", "quantity": "3"} | fields))


def test_reject(desk):
    play(desk, "reject")
    assert desk.reports_of("o1") == ["rejected"]
    assert (desk.reports[0].reason, desk.reports[0].upstream_code) == ("venue.rejected", "SIM_REJECTED")


def test_partial_fills_so_many_lots_and_stays_open(desk):
    play(desk, "partial:2")
    assert desk.fills_of("o1") == [("101", "0.001", "taker")] * 2
    desk.quote("90", "91")
    assert desk.reports_of("o1") == ["acknowledged", "filled", "filled"]
    desk.amend(quantity="2")
    desk.cancel()
    assert desk.reports_of("o1")[-2:] == ["replaced", "canceled"]
    assert desk.reports[-1].filled_quantity == "0.002"


def test_partial_of_a_market_order_ends_it(desk):
    play(desk, "partial:1", price=None)
    assert desk.reports_of("o1") == ["acknowledged", "filled", "canceled"]


def test_partial_of_more_than_there_is_fills_it(desk):
    play(desk, "partial:9", quantity="0.002")
    assert desk.reports_of("o1") == ["acknowledged", "filled", "filled"]
    assert desk.state.orders["o1"].status == "filled"


def test_slow_acts_at_once_and_reports_late(desk):
    play(desk, "slow:1500")
    assert desk.reports == []
    assert desk.state.orders["o1"].filled == 3
    assert desk.venue.next_due(desk.now) == desk.now + 1_500_000_000
    assert desk.tick(1.4) == []
    desk.tick(0.1)
    assert desk.reports_of("o1") == ["acknowledged", "filled"]
    assert desk.venue.next_due(desk.now) is None


def test_timeout_then_accept(desk):
    play(desk, "timeout-then-accept")
    assert [(r.kind, r.reason) for r in desk.reports] == [("unknown", "venue.timeout")]
    desk.tick(1)
    assert desk.reports_of("o1") == ["unknown", "acknowledged", "filled"]


def test_timeout_then_reject(desk):
    play(desk, "timeout-then-reject")
    desk.tick(0.9)
    assert desk.reports_of("o1") == ["unknown"]
    desk.tick(0.1)
    assert desk.reports_of("o1") == ["unknown", "rejected"]


def test_duplicate_fill_repeats_the_fill_under_another_report(desk):
    play(desk, "duplicate-fill")
    first, second = desk.reports[1:]
    assert first.fill == second.fill
    assert first.report_id != second.report_id
    assert desk.state.positions == {("sim-a", "acc-t1"): Decimal(3)}


def test_cancel_race_is_won_by_the_fill(desk):
    play(desk, "cancel-race")
    assert desk.reports_of("o1") == ["acknowledged"]
    desk.cancel()
    assert desk.reports_of("o1") == ["acknowledged", "filled", "cancel_rejected"]
    assert desk.reports[-1].reason == "order.already_final"


def test_late_fill_comes_after_the_cancel(desk):
    play(desk, "late-fill")
    desk.cancel()
    assert desk.reports_of("o1") == ["acknowledged", "canceled"]
    desk.tick(0.5)
    assert desk.reports_of("o1") == ["acknowledged", "canceled", "filled"]
    assert desk.state.orders["o1"].status == "canceled"


def test_late_fill_of_a_market_order_needs_no_cancel(desk):
    play(desk, "late-fill", price=None)
    desk.tick(0.5)
    assert desk.reports_of("o1") == ["acknowledged", "canceled", "filled"]


def test_disconnect_is_reconciled(desk):
    play(desk, "disconnect")
    assert [(r.kind, r.request, r.reason) for r in desk.reports] == [("unknown", "submit", "venue.disconnected")]
    desk.tick(1.9)
    assert desk.reports_of("o1") == ["unknown"]
    desk.tick(0.1)
    assert desk.reports_of("o1") == ["unknown", "acknowledged", "filled"]


def test_a_query_does_not_break_a_silence_and_tells_the_truth_after_it(desk):
    play(desk, "timeout-then-accept")
    desk.query()
    assert desk.reports_of("o1") == ["unknown"]
    desk.tick(1)
    assert desk.reports_of("o1") == ["unknown", "acknowledged", "filled", "reconciled"]
    told = desk.reports[-1]
    assert (told.outcome, told.filled_quantity, told.fills) == ("filled", "3", (desk.reports[-2].fill,))


def test_a_query_of_a_rejection_that_is_withheld_comes_after_it(desk):
    play(desk, "timeout-then-reject")
    desk.query()
    desk.tick(1)
    assert desk.reports_of("o1") == ["unknown", "rejected", "reconciled"]
    assert desk.reports[-1].outcome == "rejected"


def test_a_query_changes_nothing(desk):
    play(desk, "slow:0", price="95")
    desk.query()
    desk.cancel()
    desk.query()
    assert [(r.kind, r.outcome) for r in desk.reports[1::2]] == [("reconciled", "open"), ("reconciled", "canceled")]
    desk.query("never")
    assert (desk.reports[-1].outcome, desk.reports[-1].reason) == ("not_found", "order.not_found")


def test_a_query_does_not_call_an_order_missing_that_is_under_way(new_desk):
    desk = new_desk(Rules(latency=LatencyModel(base_ms=50)))
    desk.submit(price="90")
    desk.tick(0.04)
    desk.query()
    desk.tick(0.05)
    assert desk.reports_of("o1") == ["acknowledged", "reconciled"]


@pytest.mark.parametrize(("fault", "reason"), [("refuse", "connector.refused"), ("down", "connector.unavailable")])
def test_a_connector_that_refuses_or_is_down_never_reaches_the_book(desk, fault, reason):
    desk.quote()
    desk.submit("o1", price="95")
    desk.venue.board.faults = {"sim-a": fault}
    desk.submit("o2", price="95")
    desk.amend("o1", price="96")
    desk.cancel("o1")
    desk.submit("o3", price="95", connector="sim-b")
    assert [(r.kind, r.reason) for r in desk.reports[1:4]] == [
        ("rejected", reason),
        ("replace_rejected", reason),
        ("cancel_rejected", reason),
    ]
    assert desk.reports_of("o3") == ["acknowledged"]
    assert "o2" not in desk.state.orders


def test_a_connector_that_times_out_says_unknown_and_the_truth_when_it_answers_again(desk):
    desk.quote()
    desk.submit("o1", price="95")
    desk.venue.board.faults = {"sim-a": "timeout"}
    desk.submit("o2", price="101")
    desk.cancel("o1")
    desk.query("o2")
    assert desk.reports_of("o2") == ["unknown", "unknown"]
    assert desk.reports_of("o1") == ["acknowledged", "unknown"]
    assert desk.tick(60) == []
    desk.venue.board.faults = {}
    desk.tick()
    assert desk.reports_of("o2") == ["unknown", "unknown", "acknowledged", "filled"]
    assert desk.reports_of("o1") == ["acknowledged", "unknown", "canceled"]


def test_fills_of_a_connector_that_is_down_come_when_it_is_up(desk):
    desk.quote()
    desk.submit(price="100")
    desk.venue.board.faults = {"sim-a": "down"}
    desk.quote("98", "99")
    assert desk.reports_of("o1") == ["acknowledged"]
    desk.venue.board.faults = {}
    desk.tick()
    assert desk.reports_of("o1") == ["acknowledged", "filled"]


def test_two_connectors_share_one_book(desk):
    desk.submit("a", "sell", "1", "100", tenant="t2", connector="sim-b")
    desk.submit("b", "buy", "1", "100")
    assert desk.fills_of("a") == [("100", "1", "maker")]


def test_latency_is_fixed_by_seed_and_lets_the_market_move(new_desk):
    rules = Rules(latency=LatencyModel(base_ms=20, jitter_ms=10, seed=7))
    desk = new_desk(rules)
    desk.quote()
    desk.submit()
    assert desk.reports == []
    due = desk.venue.next_due(desk.now)
    assert due - desk.now == rules.latency.of("o1", 1)
    assert 20_000_000 <= due - desk.now <= 30_000_000
    desk.quote("102", "103")
    desk.tick(0.03)
    assert desk.fills_of("o1") == [("103", "1", "taker")]
    assert LatencyModel(20, 10, 8).of("o1", 1) != rules.latency.of("o1", 1)


def test_requests_of_one_order_never_overtake_each_other(new_desk):
    desk = new_desk(Rules(latency=LatencyModel(jitter_ms=1000, seed=3)))
    for number in range(20):
        desk.submit(f"o{number}", price="90")
        desk.cancel(f"o{number}")
    desk.tick(1)
    for number in range(20):
        assert desk.reports_of(f"o{number}") == ["acknowledged", "canceled"]


def test_a_request_that_is_under_way_too_long_is_refused(new_desk):
    desk = new_desk(Rules(latency=LatencyModel(base_ms=4000)))
    desk.submit(price="90")
    desk.tick(4)
    assert desk.reports[0].reason == "order.expired_in_transit"


CLOSED = parse_timestamp("2024-03-12T12:00:00Z")  # 08:00 in New York: before the market
OPENS = parse_timestamp("2024-03-12T13:30:00Z")
LUNCH = parse_timestamp("2024-03-12T16:00:00Z")
CLOSES = parse_timestamp("2024-03-12T20:00:00Z")


def test_closed_orders_wait_for_the_open_in_their_order(share_desk):
    desk = share_desk
    desk.now = CLOSED
    desk.quote()
    desk.submit("a", "sell", "1", "100", tenant="t2")
    desk.submit("b", "buy", "1", "100", tenant="t3")
    desk.submit("c", "buy", "1", "100", tenant="t4")
    desk.submit("d", "buy", "1")
    assert desk.reports_of("a") == ["acknowledged"]
    assert desk.reports[-1].reason == "session.closed"
    assert desk.quote("90", "91") is None
    assert desk.venue.next_due(desk.now) == OPENS
    desk.now = OPENS
    desk.quote("90", "110")
    assert desk.fills_of("b") == [("100", "1", "taker")]
    assert desk.reports_of("c") == ["acknowledged"]


def test_a_venue_that_does_not_queue_rejects(new_desk):
    desk = new_desk(Rules(capabilities=replace(SIMULATED, queues_when_closed=False)), "ABC.US", CLOSED)
    desk.submit(price="100", time_in_force="DAY")
    assert desk.reports[0].reason == "session.closed"


def test_day_orders_expire_at_the_close_and_not_at_lunch(share_desk):
    desk = share_desk
    desk.now = LUNCH - SECOND
    desk.submit("day", price="90", time_in_force="DAY")
    desk.submit("good", price="90", time_in_force="GTC")
    desk.submit("stop", stop_price="200", type="stop", time_in_force="DAY")
    assert desk.venue.next_due(desk.now) == CLOSES
    desk.now = LUNCH + SECOND
    assert desk.tick() == []
    desk.now = CLOSES
    desk.tick()
    assert desk.reports_of("day") == desk.reports_of("stop") == ["acknowledged", "expired"]
    assert desk.reports_of("good") == ["acknowledged"]


def test_a_day_order_after_the_close_lives_until_the_next_close(share_desk):
    desk = share_desk
    desk.now = CLOSES + SECOND
    desk.submit(price="90", time_in_force="DAY")
    assert desk.state.orders["o1"].expires_at == CLOSES + 24 * 3600 * SECOND


def test_a_quote_of_the_next_day_expires_before_it_fills(share_desk):
    desk = share_desk
    desk.quote()
    desk.submit(price="95", time_in_force="DAY")
    desk.now += SECOND
    desk.quote("90", "91", ts=OPENS + 24 * 3600 * SECOND)
    assert desk.reports_of("o1") == ["acknowledged", "expired"]


def test_a_day_order_around_the_clock_expires_at_midnight(desk):
    desk.submit(price="90", time_in_force="DAY")
    desk.now = parse_timestamp("2024-03-13T00:00:00Z")
    desk.tick()
    assert desk.reports_of("o1") == ["acknowledged", "expired"]


def test_closed_amends_wait_and_lose_their_place(share_desk):
    desk = share_desk
    desk.submit("a", "sell", "2", "100", tenant="t2")
    desk.now = CLOSES
    desk.amend("a", tenant="t2", price="90")
    desk.amend("a", tenant="t2", time_in_force="IOC")
    assert desk.reports_of("a") == ["acknowledged", "replaced", "replace_rejected"]
    assert desk.state.queue == [(2, "a")]


def test_stops_do_not_trigger_while_the_market_is_closed(share_desk):
    desk = share_desk
    desk.now = CLOSES
    desk.submit(stop_price="105", type="stop")
    assert desk.quote(last="200") is None
    desk.now = OPENS + 24 * 3600 * SECOND
    desk.quote(last="106")
    assert desk.reports_of("o1") == ["acknowledged", "filled"]


def test_ended_orders_are_forgotten_after_ten_minutes(desk):
    desk.quote()
    desk.submit("done")
    desk.submit("open", price="90")
    desk.cancel("never")
    desk.now += 601 * SECOND
    desk.submit("later", price="91")
    assert set(desk.state.orders) == {"open", "later"}
    assert set(desk.state.handled) == {"open", "later"}
    assert set(desk.state.fills) == set()
    assert desk.state.positions == {("sim-a", "acc-t1"): Decimal(1)}


def test_a_queued_post_only_order_does_not_take_at_the_open(share_desk):
    desk = share_desk
    desk.now = CLOSED
    desk.submit(price="100", post_only=True)
    desk.now = OPENS
    desk.quote("90", "99")
    desk.tick()
    assert desk.reports_of("o1") == ["acknowledged", "canceled"]
    assert desk.reports[-1].reason == "venue.would_take"


def test_fills_that_were_withheld_count_once_when_they_are_sent(desk):
    desk.quote(asks=[["101", "1"], ["102", "9"]], bids=[["99", "5"]], size="1")
    desk.submit(quantity="3", price="102", client_order_id="sim:slow:100:x")
    assert desk.state.positions == {("sim-a", "acc-t1"): Decimal(3)}
    desk.tick(0.1)
    assert desk.reports_of("o1") == ["acknowledged", "filled", "filled"]
    assert desk.state.positions == {("sim-a", "acc-t1"): Decimal(3)}
    assert len(desk.state.fills["o1"]) == 2


def test_reports_of_one_order_keep_their_order(desk):
    play(desk, "late-fill")
    desk.cancel()
    desk.cancel()
    assert desk.reports_of("o1") == ["acknowledged", "canceled"]
    desk.tick(0.5)
    assert desk.reports_of("o1") == ["acknowledged", "canceled", "filled", "cancel_rejected"]
