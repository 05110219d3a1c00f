"""Topics, routes, shards, signals and the heartbeat's arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.live.frames import Address, Delivery, Frame
from gateway.live.heartbeat import Heartbeat, Wheel
from gateway.live.interest import partitions, routes
from gateway.live.router import Route
from gateway.live.shard import HISTORY_FRAMES, HISTORY_MILLISECONDS, Shard
from gateway.live.signals import ActiveSignals
from gateway.live.subscriptions import Subscription
from gateway.live.topics import Topic, parse_topic
from gateway.live.transport import UnsupportedServer, check_server
from storage.topics import Topics


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("quotes.AAPL.US", Topic("quotes.AAPL.US", "quotes", "AAPL.US")),
        ("quotes.*", Topic("quotes.*", "quotes")),
        ("trades.BTCUSDT-PERP.BINANCE", Topic("trades.BTCUSDT-PERP.BINANCE", "trades", "BTCUSDT-PERP.BINANCE")),
        ("bars.1m.AAPL.US", Topic("bars.1m.AAPL.US", "bars", "AAPL.US", "1m")),
        ("bars.1d.*", Topic("bars.1d.*", "bars", None, "1d")),
        ("orders.*", Topic("orders.*", "orders")),
        ("orders.AAPL.US", Topic("orders.AAPL.US", "orders", "AAPL.US")),
        ("risk.*", Topic("risk.*", "risk")),
        ("risk.AAPL.US", None), ("bars.1m", None), ("bars.1m.", None), ("bars.*", None), ("bars.2m.*", None),
        ("quotes", None), ("quotes.", None), ("", None), ("*", None), ("Quotes.*", None), ("quote-states.*", None),
    ],
)  # fmt: skip
def test_topic_names(name, expected):
    assert parse_topic(name) == expected


def _subscriptions(*names: str, conflate_ms: int = 0) -> list[Subscription]:
    return [Subscription(topic, conflate_ms) for name in names if (topic := parse_topic(name))]


def test_routes_cover_each_symbol_once_and_conflate_only_latest_values():
    found = routes(
        _subscriptions("quotes.*", "quotes.A.X", "trades.A.X", "bars.1m.A.X", "bars.5m.*", conflate_ms=50), None
    )
    assert found == {Route("quotes.*", 50), Route("trades.A.X"), Route("bars.1m.A.X", 50), Route("bars.5m.*", 50)}


def test_risk_is_the_platform_and_the_own_account_and_orders_are_the_own_account_alone():
    risk = {Route("risk@platform"), Route("risk@acc")}
    assert routes(_subscriptions("risk.*", "orders.*"), "acc") == {*risk, Route("orders@acc")}
    assert routes(_subscriptions("risk.*", "orders.*"), None) == {Route("risk@platform")}


def test_orders_of_symbols_are_covered_by_all_orders():
    assert routes(_subscriptions("orders.A.X", "orders.B.X"), "acc") == {
        Route("orders@acc#A.X"),
        Route("orders@acc#B.X"),
    }
    assert routes(_subscriptions("orders.A.X", "orders.*"), "acc") == {Route("orders@acc")}


def test_a_subscription_that_still_catches_up_has_no_route():
    (subscription,) = _subscriptions("quotes.*")
    subscription.live = False
    assert routes([subscription], None) == frozenset()


def test_partitions_of_a_topic():
    topics = Topics()
    assert partitions(Topic("quotes.*", "quotes"), None, "quotes", topics) == list(range(8))
    assert partitions(Topic("quotes.A.X", "quotes", "A.X"), None, "quotes", topics) == [
        topics.partition("quotes", b"A.X")
    ]
    assert partitions(Topic("orders.*", "orders"), None, "order-events", topics) == []
    assert partitions(Topic("orders.*", "orders"), "a", "order-events", topics) == [
        topics.partition("order-events", b"a")
    ]


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(-200_000, 400_000), st.integers(1, 40)), max_size=60),
    st.integers(0, 2_000),
    st.integers(1, 30_000),
)
def test_a_shard_remembers_all_of_its_newest_frames(steps, asked, history_bytes):
    shard = Shard("trades-0", 0, 7, history_bytes)
    address = Address("trades", "trades.X", "trades-0", Delivery.QUEUED)
    kept: list[Frame] = []
    now = 0
    for step, milliseconds, together in steps:  # offsets may have holes, as on a compacted topic; clocks may go back
        now += milliseconds
        for _ in range(together):
            shard.position += step
            kept.append(Frame(address, shard.position, "update", b"{}", now))
            shard.append(kept[-1])
    if shard.remembers(asked):
        assert shard.since(asked, 10_000) == [frame for frame in kept if frame.seq >= asked]
    assert shard.remembers(shard.position + 1)
    assert not shard.remembers(6)
    held = list(shard.newest_first())
    assert sum(len(frame.wire) for frame in held) <= 2 * history_bytes
    fit = history_bytes // max([len(frame.wire) for frame in kept], default=1)
    assert len(held) >= min(len(kept), HISTORY_FRAMES, fit)
    shard.restart(500)
    assert (shard.position, shard.remembers(500), shard.remembers(499)) == (499, True, False)


@given(st.lists(st.integers(0, 4_000), min_size=1, max_size=2_000))
def test_a_quiet_shard_keeps_minutes_and_not_hours(milliseconds):
    shard = Shard("trades-0", 0, 0)
    address = Address("trades", "trades.X", "trades-0", Delivery.QUEUED)
    now = 0
    appended = []
    for seq, step in enumerate(milliseconds):
        now += step
        appended.append(now)
        shard.append(Frame(address, seq, "update", b"{}", now))
    held = list(shard.newest_first())
    assert len(held) <= 2 * HISTORY_FRAMES or now - held[-1].appended <= 2 * HISTORY_MILLISECONDS
    recent = sum(now - moment <= HISTORY_MILLISECONDS for moment in appended)
    assert len(held) >= max(recent, min(len(appended), HISTORY_FRAMES))


def test_signals_are_active_from_raised_to_cleared():
    signals, address = ActiveSignals(), Address("risk", "risk.*", "risk-0", Delivery.LOSSLESS, route="risk@a")
    signals.note("risk@a")
    signals.seed("risk@a", ())
    for seq, (signal, state) in enumerate([("x", "raised"), ("y", "raised"), ("x", "raised"), ("y", "cleared")]):
        signals.fold(
            Frame(address, seq, "update", b'{"signal_id":"%b","state":"%b"}' % (signal.encode(), state.encode()))
        )
    signals.fold(Frame(address, 9, "update", b"{}"))
    assert [frame.seq for frame in signals.of("risk@a")] == [2]
    assert signals.of("risk@b") == []
    assert signals.unreadable == 1


@given(st.lists(st.tuples(st.floats(0, 500), st.integers(0, 10_000))), st.lists(st.floats(0.01, 40), min_size=1))
def test_the_wheel_gives_everything_back_at_most_a_slot_late(items, turns):
    wheel: Wheel[tuple[float, int]] = Wheel(0.25)
    for item in items:
        wheel.put(item, item[0])
    now, out = 0.0, []
    for step in [*turns, 600.0]:
        before, now = now, now + step
        for item in wheel.turn(now):
            assert item[0] <= now
            assert item[0] >= before - 0.25 or before == 0.0
            out.append(item)
    assert sorted(out) == sorted(items)


def test_a_ping_that_has_left_must_be_answered_within_ten_seconds():
    heartbeat = Heartbeat(100.0)
    assert heartbeat.due(100.0) == heartbeat.next_ping_at == 120.0
    heartbeat.ping_sent(120.0, written=2)
    heartbeat.moved(120.0, 2, 0)
    assert heartbeat.due(120.0) == 130.0
    assert heartbeat.verdict(129.9) is None
    assert heartbeat.verdict(130.0) == 4408
    heartbeat.pong_came()
    assert heartbeat.verdict(130.0) is None
    assert heartbeat.due(130.0) == 140.0


def test_the_ten_seconds_begin_when_the_ping_leaves_the_buffer():
    heartbeat = Heartbeat(0.0)
    heartbeat.ping_sent(20.0, written=1_002)
    heartbeat.moved(20.0, 1_002, 500)
    assert heartbeat.due(20.0) < 21.0
    heartbeat.moved(35.0, 5_000, 4_100)
    assert heartbeat.verdict(35.0) is None
    heartbeat.moved(40.0, 5_000, 3_900)
    assert heartbeat.verdict(49.9) is None
    assert heartbeat.verdict(50.0) == 4408


def test_a_buffer_that_moves_is_not_stuck_and_one_that_does_not_is():
    heartbeat = Heartbeat(0.0)
    for second in range(100):
        heartbeat.moved(float(second), 1_000 + second, 500)
        assert heartbeat.verdict(float(second)) is None
    heartbeat.moved(158.0, 1_099 + 50, 550)
    assert heartbeat.verdict(158.0) is None
    heartbeat.moved(159.0, 1_099 + 60, 560)
    assert heartbeat.verdict(159.0) == 4413
    heartbeat.moved(160.0, 1_159, 0)
    assert heartbeat.verdict(500.0) is None
    heartbeat.moved(600.0, 1_200, 41)
    assert heartbeat.verdict(600.0) is None, "an empty buffer begins anew"


def test_the_server_is_checked_in_words():
    check_server()
    with pytest.raises(UnsupportedServer, match=r"hypercorn 0\.18\.0.*0\.17\.3 is installed"):
        check_server("0.17.3")
