"""Each check of the order road can fail: made-up answers, records and read models with one thing wrong in them, and with none."""

from typing import Any

import msgspec
import pytest

from storage.models.order_commands import CancelAll, VenueCanceled, VenueCancelRejected, VenueReplaced
from storage.models.read_models import OpenedAccount
from tests.faults.order_road.answers import check_answers
from tests.faults.order_road.checks import Told, check_exits
from tests.faults.order_road.fleet import Exit
from tests.faults.order_road.read_models import Shown, differences
from tests.faults.order_road.traders import Asked
from tests.faults.report import Injection
from tests.unit.orders.trading_floor import ACCOUNT, COIN, Desk, only

BODY = {"symbol": COIN, "side": "buy", "type": "limit", "quantity": "1", "price": "99"}
FIRST = "ord-1"


def _asked(
    kind: str, key: str, target: str, body: dict[str, Any], answer: dict[str, Any], *, status: int = 200
) -> Asked:
    order_ids = {answer["data"]["order_id"]} if kind == "place" and "data" in answer else set()
    raw = msgspec.json.encode(answer)
    return Asked(ACCOUNT, kind, key, body, target, 0.0, status, answer, raw, order_ids)


def _placed(key: str = "a", order_id: str = FIRST) -> Asked:
    return _asked("place", key, "/v1/orders", BODY, {"data": {"order_id": order_id}})


def _canceled(state: str, order_id: str = FIRST) -> Asked:
    data: dict[str, Any] = {"canceled": [], "pending": [], "failed": []}
    if state in data:
        data[state].append(order_id)
    else:
        data["failed"].append({"order_id": order_id, "error_code": state})
    return _asked("cancel", "c", "/v1/orders/cancel", {"order_ids": [FIRST]}, {"data": data})


def _amended(seq: int, quantity: str = "2") -> Asked:
    data = {"data": {"order_id": FIRST, "seq": seq}}
    return _asked("amend", "m", f"/v1/orders/{FIRST}", {"quantity": quantity}, data)


def _refused(kind: str, code: str, status: int = 409) -> Asked:
    target = "/v1/orders" if kind == "place" else f"/v1/orders/{FIRST}"
    return _asked(kind, "r", target, BODY, {"error": {"code": code, "details": {"order_id": FIRST}}}, status=status)


def _said(desk: Desk, *asked: Asked) -> list[str]:
    told = Told()
    told.records[ACCOUNT] = desk.records
    return [wrong.kind for wrong in check_answers(told, list(asked))]


def _open() -> Desk:
    """An account with one order at its venue."""
    desk = Desk()
    desk.place()
    desk.acknowledge(FIRST)
    return desk


def _with_cancel() -> Desk:
    desk = _open()
    desk.send(CancelAll(command_id="all", account_id=ACCOUNT, order_ids=(FIRST,)))
    desk.cancel(FIRST)
    return desk


def _with_amend() -> tuple[Desk, int]:
    """And the seq of the record that says it was done."""
    desk = _open()
    request = desk.amend(FIRST, quantity="2")
    return desk, desk.report(VenueReplaced, FIRST, quantity="2", request_seq=request.seq).seq


def test_answers_that_the_log_has_are_right() -> None:
    desk, seq = _with_amend()
    assert _said(desk, _placed(), _amended(seq)) == []
    desk = _with_cancel()
    desk.report(VenueCanceled, FIRST)
    said = [_canceled(state) for state in ("pending", "canceled", "order.already_final")]
    assert _said(desk, _placed(), *said) == []
    late = desk.amend(FIRST, quantity="2")
    assert type(late.events[0]).__name__ == "AmendRejected"
    assert _said(desk, _placed(), _refused("amend", "order.already_final")) == []


def test_a_place_that_the_log_has_not_is_lost() -> None:
    assert _said(Desk(), _placed()) == ["lost"]
    assert _said(Desk(), _refused("place", "risk.self_trade")) == ["lost"]


@pytest.mark.parametrize("state", ["pending", "canceled", "order.already_final"])
def test_a_cancel_that_the_log_has_not_is_lost(state: str) -> None:
    assert _said(_open(), _placed(), _canceled(state)) == ["lost"]


def test_a_cancel_that_comes_to_nothing_is_lost() -> None:
    desk = _with_cancel()
    assert _said(desk, _placed(), _canceled("pending")) == ["lost"]
    desk.report(VenueCancelRejected, FIRST, code="venue.timeout")
    assert _said(desk, _placed(), _canceled("pending"), _canceled("venue.timeout")) == []


@pytest.mark.parametrize("state", ["canceled", "order.already_final", "order.not_found", "venue.timeout"])
def test_a_cancel_is_not_answered_otherwise_than_the_log_has_it(state: str) -> None:
    assert _said(_with_cancel(), _placed(), _canceled(state)) == ["otherwise"]


def test_a_cancel_of_another_order_is_wrong() -> None:
    assert _said(_with_cancel(), _placed(), _canceled("pending", "ord-2")) == ["lost", "lost"]
    assert _said(_with_cancel(), _placed(), _refused("cancel", "account.not_open")) == ["otherwise"]


def test_an_amend_that_the_log_has_not_is_lost() -> None:
    desk, seq = _with_amend()
    assert _said(desk, _placed(), _amended(seq - 1)) == ["lost"]
    assert _said(desk, _placed(), _amended(seq, "3")) == ["lost"]
    assert _said(desk, _placed(), _refused("amend", "risk.self_trade")) == ["lost"]


def test_an_amend_of_an_accepted_order_finds_it() -> None:
    assert _said(_open(), _placed(), _refused("amend", "order.not_found", 404)) == ["otherwise"]


def test_an_order_that_nobody_was_told_of_is_a_second_effect() -> None:
    desk = _open()
    desk.place()
    assert _said(desk, _placed()) == ["doubled"]
    desk.place(quantity="100000")
    assert type(desk.records[-1].events[0]).__name__ == "OrderDenied"
    assert _said(desk, _placed(), _placed("b", "ord-2")) == ["doubled"]


def test_a_key_that_was_never_told_anything_may_have_had_one_order() -> None:
    desk = _open()
    desk.place()
    untold = Asked(ACCOUNT, "place", "b", {**BODY, "price": "99.0"}, "/v1/orders", 0.0)
    assert _said(desk, _placed(), untold) == ["unanswered"]
    desk.place()
    assert _said(desk, _placed(), untold) == ["unanswered", "doubled"]
    other = Asked(ACCOUNT, "place", "b", {**BODY, "side": "sell"}, "/v1/orders", 0.0)
    assert sorted(_said(_two_orders(), _placed(), other)) == ["doubled", "unanswered"]


def test_an_order_that_is_known_from_an_unknown_outcome_is_no_stray() -> None:
    untold = Asked(ACCOUNT, "place", "b", BODY, "/v1/orders", 0.0, order_ids={"ord-2"})
    assert _said(_two_orders(), _placed(), untold) == ["unanswered"]


def test_two_orders_of_one_key_are_doubled_and_two_keys_of_one_order_have_lost_one() -> None:
    twice = _placed()
    twice.order_ids.add("ord-2")
    assert _said(_two_orders(), twice) == ["doubled"]
    again = _placed()
    again.repeat = _placed(order_id="ord-2")
    assert sorted(_said(_two_orders(), again)) == ["doubled", "otherwise"]
    assert _said(_open(), _placed("a"), _placed("b")) == ["lost"]


def _two_orders() -> Desk:
    desk = _open()
    desk.place()
    return desk


def test_a_repeat_has_the_bytes_of_the_first_answer() -> None:
    one = _placed()
    one.repeat = _placed()
    assert _said(_open(), one) == []
    one.repeat.raw = one.raw.replace(b":", b": ")
    assert _said(_open(), one) == ["otherwise"]
    desk, seq = _with_amend()
    amend = _amended(seq)
    amend.repeat = _amended(seq, quantity="2")
    amend.repeat.raw += b" "
    assert _said(desk, _placed(), amend) == ["otherwise"]


def test_a_repeat_of_a_cancel_shows_the_present_of_the_same_orders() -> None:
    desk = _with_cancel()
    desk.report(VenueCanceled, FIRST)
    cancel = _canceled("pending")
    cancel.repeat = _canceled("canceled")
    assert _said(desk, _placed(), cancel) == []
    cancel.repeat = _canceled("canceled", "ord-2")
    assert "lost" in _said(desk, _placed(), cancel)


def test_a_repeat_that_nobody_answers_is_unanswered() -> None:
    one = _placed()
    one.repeat = Asked(ACCOUNT, "place", "a", BODY, "/v1/orders", 0.0)
    assert _said(_open(), one) == ["unanswered"]


def _traded() -> Desk:
    """Bought twice, sold through zero: there are fees, and a profit with more digits than money has."""
    desk = Desk()
    for side, quantity, price, fee in (
        ("buy", "1", "100", "0.01"),
        ("buy", "0.7", "101.37", "0.02"),
        ("sell", "2.3", "103.33", "-0.005"),
    ):
        desk.place(side=side, order_type="market", quantity=quantity)
        desk.fill(only(desk.records[-1]).order_id, quantity, price, fee)
    return desk


def _shown(desk: Desk, **changes: Any) -> Shown:
    """The read models as they should be, but for `changes` of the account."""
    last = desk.records[-1]
    account = msgspec.structs.replace(desk.account, **changes)
    document = OpenedAccount(ACCOUNT, last.seq, last.ts, account, desk.state.limits, ())
    orders = {order.order_id: order for record in desk.records for order in record.orders}
    return Shown(document, dict(desk.state.positions), orders)


def test_read_models_that_follow_from_the_log_are_right() -> None:
    desk = _traded()
    assert desk.account.realized["USD"] not in {"0", ""}
    assert differences(desk.records, _shown(desk)) == []


def test_wrong_cash_is_seen_by_the_fold_and_by_addition() -> None:
    desk = _traded()
    found = differences(desk.records, _shown(desk, cash="10000", balances={"USD": "10000"}))
    assert [what.split(" is ")[0] for what in found] == ["the account's cash", "the account's balances", "cash in USD"]
    [fees] = differences(desk.records, _shown(desk, fees="1"))
    assert fees.startswith("the account's fees is 1")


def test_money_that_log_and_read_model_have_alike_and_fills_have_not_is_seen() -> None:
    desk = _traded()
    last = desk.records[-1]
    assert last.account is not None
    wrong = msgspec.structs.replace(last.account, balances={"USD": "10000"}, paid_fees={}, realized={})
    records = [*desk.records[:-1], msgspec.structs.replace(last, account=wrong)]
    found = differences(records, _shown(desk, balances={"USD": "10000"}, paid_fees={}, realized={}))
    assert [what.split(" is ")[0] for what in found] == ["cash in USD", "realised profit in USD", "fees in USD"]


def test_a_profit_that_prices_and_quantities_do_not_come_to_is_seen() -> None:
    desk = _traded()
    held = desk.state.positions[COIN]
    shown = _shown(desk)._replace(positions={COIN: msgspec.structs.replace(held, cost="-61.99")})
    found = differences(desk.records, shown)
    assert found[0] == "its positions differ from the log's"
    assert "by prices and quantities" in found[1]
    assert differences(desk.records, _shown(desk)._replace(positions={}))[-1].startswith(f"no position in {COIN}")


def test_an_order_and_a_limit_that_differ_are_seen() -> None:
    desk = _traded()
    shown = _shown(desk)
    assert shown.account is not None
    assert differences(desk.records, shown._replace(orders={})) == [
        f"ord-{number} differs from the log's" for number in (1, 2, 3)
    ]
    behind = msgspec.structs.replace(shown.account, as_of_seq=1)
    [what] = differences(desk.records, shown._replace(account=behind))
    assert what.startswith("the read model is at 1")


def test_an_exit_is_explained_by_a_fault_of_its_own_way_or_not_at_all() -> None:
    at_start, killed = Exit("gateway-0", 69, 100.0), Exit("gateway-0", -9, 100.0)
    feed = Exit("feed-8", 75, 100.0)
    faults = {
        "link": Injection("cut gateway-kafka", "gateway-0/kafka", 5.0, began=90.0),
        "other": Injection("cut orders-kafka", "orders-3/kafka", 5.0, began=90.0),
        "broker": Injection("SIGKILL kafka", "kafka", 5.0, began=90.0),
        "long ago": Injection("SIGKILL kafka", "kafka", 5.0, began=50.0),
        "own": Injection("SIGKILL feed", "feed-8", 1.0, began=90.0),
        "limits": Injection("SIGKILL redis", "redis", 5.0, began=90.0),
    }

    def explained(one: Exit) -> list[str]:
        return [name for name, fault in faults.items() if check_exits([one], [fault]) == []]

    assert explained(at_start) == ["link", "broker"]
    assert explained(feed) == ["broker", "own"]
    assert explained(killed) == explained(Exit("orders-3", 1, 100.0)) == []
    [wrong] = check_exits([killed], [])
    assert wrong == ("otherwise", "gateway-0 (-9) ended by itself, and no fault explains it")
