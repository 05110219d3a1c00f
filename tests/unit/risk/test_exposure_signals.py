"""Exposure near or over the position limit: raised and cleared from records alone, without flapping."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.models.order_commands import SetLimits
from storage.models.order_records import OrderRecord, encode_record
from storage.models.risk_signals import RiskSignal
from streams.orders.decide import decide
from streams.orders.market import Origin
from streams.orders.snapshot import restore, snapshot
from streams.risk.exposure import EXPOSURE_LIMIT, EXPOSURE_WARNING, code_of
from streams.risk.signals import signals_of
from tests.unit.orders.trading_floor import ACCOUNT, COIN, EURO_STOCK, Desk, changed_limits, quote


def exposed(record: OrderRecord) -> list[tuple[str, str, str | None]]:
    return [(one.code, one.state, one.symbol) for one in signals_of(record) if one.code.startswith("exposure.")]


def at(desk: Desk, price: str) -> OrderRecord:
    """Any command while COIN stands at `price`."""
    desk.quotes[COIN] = quote(COIN, price, price)
    return desk.cancel("none")


def test_a_position_is_warned_of_at_nine_tenths_of_its_limit_and_at_all_of_it_and_no_more_below() -> None:
    desk = Desk(limits=changed_limits(position_limit="1000", orders_per_second=1_000_000))
    desk.hold(COIN, "9")
    told = {price: exposed(at(desk, price)) for price in ("99.9", "100", "95", "94.4", "111.2", "106", "105.5", "94.3")}
    assert told == {
        "99.9": [],
        "100": [],
        "95": [],
        "94.4": [(EXPOSURE_WARNING, "cleared", COIN)],
        "111.2": [(EXPOSURE_LIMIT, "raised", COIN)],
        "106": [],
        "105.5": [(EXPOSURE_WARNING, "raised", COIN), (EXPOSURE_LIMIT, "cleared", COIN)],
        "94.3": [(EXPOSURE_WARNING, "cleared", COIN)],
    }


def test_the_signal_has_its_figures_in_the_accounts_currency() -> None:
    desk = Desk(limits=changed_limits(position_limit="1000", orders_per_second=1_000_000))
    desk.hold(EURO_STOCK, "17", "50")
    (raised,) = [one for record in desk.records for one in signals_of(record)]
    assert (raised.code, raised.severity, raised.symbol) == (EXPOSURE_WARNING, "warning", EURO_STOCK)
    assert raised.figures == {"position_value": "935", "limit": "1000", "exposure": "0.935", "currency": "USD"}
    desk.place(EURO_STOCK, side="sell", quantity="17", price="50")
    (cleared,) = signals_of(desk.fill(list(desk.state.orders)[-1], "17", "50"))
    assert (cleared.signal_id, cleared.state) == (raised.signal_id, "cleared")
    assert cleared.figures == {"position_value": "0", "limit": "1000", "exposure": "0", "currency": "USD"}


def test_a_limit_that_moves_is_looked_at_by_the_record_that_moves_it() -> None:
    desk = Desk()
    desk.hold(COIN, "5")
    number = len(desk.records)

    def limited(limit: str | None) -> list[tuple[str, str, str | None]]:
        limits = changed_limits(position_limit=limit)
        return exposed(desk.send(SetLimits(command_id=f"l{limit}", account_id=ACCOUNT, limits=limits)))

    assert limited("400") == [(EXPOSURE_LIMIT, "raised", COIN)]
    assert limited(None) == [(EXPOSURE_LIMIT, "cleared", COIN)]
    assert limited("0") == [(EXPOSURE_LIMIT, "raised", COIN)]
    assert {len(signals_of(record)) for record in desk.records[number:]} == {1}


@given(st.lists(st.decimals("1", "200", places=2), max_size=40))
def test_what_holds_is_left_only_below_its_lower_bound(values: list[Decimal]) -> None:
    standing: str | None = None
    for value in values:
        code = code_of(value, Decimal(100), standing)
        assert (code == EXPOSURE_LIMIT) >= (value >= 100)
        assert (code is not None) >= (value >= 90)
        assert (code is None) >= (value < 85)
        assert code_of(value, Decimal(100), code) == code
        standing = code


STEPS = st.lists(
    st.tuples(st.sampled_from(("80", "94", "95", "100", "106", "112", "130")), st.sampled_from(("", "buy", "sell"))),
    min_size=1,
    max_size=30,
)


@settings(deadline=None, max_examples=60)
@given(STEPS, st.integers(0, 40))
def test_raises_and_clears_alternate_however_the_records_are_cut(steps: list[tuple[str, str]], cut: int) -> None:
    desk = Desk(limits=changed_limits(position_limit="1000", orders_per_second=1_000_000))
    desk.hold(COIN, "9")
    for price, side in steps:
        desk.quotes[COIN] = quote(COIN, price, price)
        if len(desk.records) >= cut:
            _decides_alike_from_a_checkpoint(desk)
        if side and desk.place(side=side, price=price, quantity="2").orders[0].state == "sent":
            desk.fill(list(desk.state.orders)[-1], "2", price)
        else:
            desk.cancel("none")
    told = [one for record in desk.records for one in signals_of(record)]
    for code in (EXPOSURE_WARNING, EXPOSURE_LIMIT):
        _alternate([one for one in told if one.code == code])


def _decides_alike_from_a_checkpoint(desk: Desk) -> None:
    command, origin = desk.order(price="100"), Origin(3, "order-commands", 1)
    fresh = decide(restore(snapshot(desk.state)), command, desk.market(command), origin)
    assert encode_record(fresh) == encode_record(decide(desk.state, command, desk.market(command), origin))


def _alternate(signals: list[RiskSignal]) -> None:
    assert [one.state for one in signals] == ["raised", "cleared"] * (len(signals) // 2) + ["raised"] * (
        len(signals) % 2
    )
    ids = [one.signal_id for one in signals]
    assert ids[::2] == list(dict.fromkeys(ids))
    assert ids[1::2] == ids[: len(ids) // 2 * 2 : 2]
