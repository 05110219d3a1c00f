"""Deposits, limits and halts over a real order core: done once, shown as done, refused with the core's own code."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ops.runtime.errors import HubError
from storage.decisions.decisions import Decisions, DecisionUnknown
from storage.models.order_commands import Command
from storage.models.order_records import OrderRecord
from tests.integration.admin.admin_desk import AdminDesk, Calling
from tests.integration.admin.deciding_desk import deciding_desk
from tests.integration.orders.trading_place import ACCOUNT

DEPOSITS = f"/accounts/{ACCOUNT}/deposits"
LIMITS = f"/accounts/{ACCOUNT}/limits"


@pytest.fixture
async def desk() -> AsyncIterator[AdminDesk]:
    async with deciding_desk("money") as desk:
        yield desk


@pytest.fixture
async def caller(desk: AdminDesk) -> Calling:
    return await desk.log_in()


async def test_money_comes_in_and_goes_out(desk: AdminDesk, caller: Calling) -> None:
    paid = await caller.send("POST", DEPOSITS, {"amount": "250.5", "reference": "letter 7"})
    assert paid.data == {
        "account_id": ACCOUNT, "amount": "250.5", "currency": "USDT", "reference": "letter 7", "seq": 3,
        "cash": "100250.5", "balance": "100250.5",
    }  # fmt: skip
    assert (await caller.send("POST", DEPOSITS, {"amount": "-250.5", "currency": "USDT"})).data["cash"] == "100000"
    refused = await caller.send("POST", DEPOSITS, {"amount": "-100001"})
    assert (refused.status, refused.code) == (409, "account.insufficient_funds")
    assert refused.error["details"]["balance"] == "100000"
    told = [(one.stage, one.before, one.after) for one in await desk.told()]
    asked = {"amount": "250.5", "currency": "USDT", "reference": "letter 7"}
    assert told[:2] == [
        ("intended", {"cash": "100000"}, asked),
        ("done", {"cash": "100000"}, {**asked, "seq": 3, "cash": "100250.5", "balance": "100250.5"}),
    ]
    assert told[-1][2] == {"refused": "account.insufficient_funds"}


async def test_one_key_is_one_deposit(desk: AdminDesk, caller: Calling) -> None:
    tries = (caller.send("POST", DEPOSITS, {"amount": "1"}, "one key for all") for _ in range(10))
    answers = await asyncio.gather(*tries)
    assert {one.code for one in answers} <= {"ok", "idempotency.in_progress"}
    again = await caller.send("POST", DEPOSITS, {"amount": "1"}, "one key for all")
    assert again.data["cash"] == "100001"
    assert {one.body for one in answers if one.status == 200} == {again.body}
    assert (await caller.send("POST", DEPOSITS, {"amount": "2"}, "one key for all")).code == "idempotency.mismatch"


class Forgetful:
    """Decisions that are made and not heard of, the first time."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions
        self.asked: list[Command] = []

    async def decide(self, command: Command) -> OrderRecord:
        self.asked.append(command)
        record = await self._decisions.decide(command)
        if len(self.asked) == 1:
            raise DecisionUnknown("nothing was heard")
        return record


async def test_a_deposit_whose_answer_was_lost_is_done_once(desk: AdminDesk) -> None:
    forgetful = Forgetful(desk.decisions)
    desk.parts = replace(desk.parts, decisions=forgetful)
    desk.app = desk._app()
    caller = await desk.log_in()
    unknown = await caller.send("POST", DEPOSITS, {"amount": "5"}, "the answer is lost")
    assert (unknown.status, unknown.code) == (503, "order.outcome_unknown")
    again = await caller.send("POST", DEPOSITS, {"amount": "5"}, "the answer is lost")
    assert (again.data["cash"], again.data["seq"]) == ("100005", 3)
    assert forgetful.asked[0] == forgetful.asked[1]
    assert [one.stage for one in await desk.told()] == ["intended", "done"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["amount"]),
        ({"amount": "0"}, ["amount"]),
        ({"amount": "0.000000001"}, ["amount"]),
        ({"amount": 5}, ["amount"]),
        ({"amount": "1e3", "currency": "us"}, ["amount", "currency"]),
        ({"amount": "1", "referense": "x"}, ["referense"]),
    ],
)
async def test_a_bad_deposit_names_its_fields(caller: Calling, body: dict[str, object], fields: list[str]) -> None:
    refused = await caller.send("POST", DEPOSITS, body)
    assert [one["name"] for one in refused.error["details"]["fields"]] == fields


async def test_unknown_accounts(desk: AdminDesk, caller: Calling) -> None:
    for method, what, body in (("POST", "deposits", {"amount": "1"}), ("PUT", "limits", {"max_open_orders": 1})):
        refused = await caller.send(method, f"/accounts/acc_none/{what}", body)
        assert (refused.status, refused.code) == (404, "account.not_found")
    assert await desk.told() == []


async def test_limits_that_are_given_change_and_others_stay(desk: AdminDesk, caller: Calling) -> None:
    first = (await caller.send("PUT", LIMITS, {"max_open_orders": 7, "max_order_value": None})).data
    assert (first["account_id"], first["max_open_orders"], first["max_order_value"]) == (ACCOUNT, 7, None)
    second = (await caller.send("PUT", LIMITS, {"price_collar": {"crypto": "0.2"}, "position_limit": "9"})).data
    assert (second["max_open_orders"], second["position_limit"], second["max_order_value"]) == (7, "9", None)
    assert (second["price_collar"]["crypto"], second["price_collar"]["fx"]) == ("0.2", "0.02")
    kept = await desk.parts.accounts.get(ACCOUNT)
    assert kept is not None
    assert (kept.limits.max_open_orders, kept.limits.position_limit) == (7, "9")
    assert [one.action for one in await desk.told()] == ["account.limits"] * 4


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["max_order_value"]),
        ({"max_open_orders": 20_001, "orders_per_second": None}, ["max_open_orders", "orders_per_second"]),
        ({"max_order_value": "-1", "position_limit": 5}, ["max_order_value", "position_limit"]),
        ({"price_collar": {"crypto": "x", "stamps": "1"}}, ["price_collar.crypto", "price_collar"]),
        ({"price_collar": []}, ["price_collar"]),
        ({"max_orders": 1}, ["max_orders"]),
    ],
)
async def test_bad_limits_are_named(caller: Calling, body: dict[str, object], fields: list[str]) -> None:
    refused = await caller.send("PUT", LIMITS, body)
    assert refused.status == 422
    assert [one["name"] for one in refused.error["details"]["fields"]] == fields


async def test_a_halt_is_set_shown_and_lifted(desk: AdminDesk, caller: Calling) -> None:
    body = {"scope": "symbol", "target": "AAPL.US", "level": "reducing", "reason": "news"}
    halt = (await caller.send("POST", "/trading-halts", body)).data
    assert {name: halt[name] for name in body} == body
    assert halt["halt_id"].startswith("hlt_")
    assert halt["controls_version"] is not None
    assert (halt["applied"], halt["applied_ms"], halt["not_applied"]) == (False, None, [0])  # no process says it does
    [listed] = (await caller.get("/trading-halts")).data["items"]
    assert (listed["halt_id"], listed["level"]) == (halt["halt_id"], "reducing")
    lifted = (await caller.send("DELETE", f"/trading-halts/{halt['halt_id']}")).data
    assert (lifted["halt_id"], lifted["lifted"]) == (halt["halt_id"], True)
    assert (await caller.get("/trading-halts")).data["items"] == []
    assert [(one.action, one.stage) for one in await desk.told()] == [
        ("halt.set", "intended"), ("halt.set", "done"), ("halt.lift", "intended"), ("halt.lift", "done"),
    ]  # fmt: skip
    assert (await caller.send("DELETE", "/trading-halts/hlt_none")).code == "halt.not_found"


async def test_a_halt_that_is_applied_everywhere_says_how_fast() -> None:
    caller = await AdminDesk().log_in()  # where nobody has ever decided, a halt holds at once
    halt = (await caller.send("POST", "/trading-halts", {"scope": "platform", "level": "halted"})).data
    assert (halt["applied"], halt["not_applied"], halt["controls_version"]) == (True, [], 0)
    assert halt["applied_ms"] >= 0


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["scope", "level"]),
        ({"scope": "world", "level": "stop"}, ["scope", "level"]),
        ({"scope": "platform", "target": "all", "level": "halted"}, ["target"]),
        ({"scope": "venue", "level": "halted"}, ["target"]),
        ({"scope": "symbol", "target": "AAPL", "level": "halted"}, ["target"]),
        ({"scope": "tenant", "target": "ten_none", "level": "halted"}, ["target"]),
        ({"scope": "strategy", "target": "mean", "level": "halted"}, ["target"]),
    ],
)
async def test_a_halt_that_would_halt_nothing_is_refused(
    desk: AdminDesk, caller: Calling, body: dict[str, str], fields: list[str]
) -> None:
    refused = await caller.send("POST", "/trading-halts", body)
    assert refused.status == 422
    assert [one["name"] for one in refused.error["details"]["fields"]] == fields
    assert await desk.told() == []


async def test_a_repeat_does_not_overrule_whoever_has_lifted_the_halt(desk: AdminDesk, caller: Calling) -> None:
    """The answer of a halt was lost, somebody lifted it, and the first one asks again."""
    halting = desk.parts.halting
    lost: list[str] = []

    class Losing:
        async def halt(self, halt):
            if not lost:
                lost.append(halt.halt_id)
                await halting.halt(halt)
                raise HubError("order.outcome_unknown")
            return await halting.halt(halt)

        def __getattr__(self, name: str):
            return getattr(halting, name)

    desk.parts = replace(desk.parts, halting=Losing())
    desk.app = desk._app()
    body = {"scope": "platform", "level": "halted"}
    assert (await caller.send("POST", "/trading-halts", body, "lost halt")).status == 503
    await halting.lift(lost[0])
    again = (await caller.send("POST", "/trading-halts", body, "lost halt")).data
    assert (again["halt_id"], again["lifted"]) == (lost[0], True)
    assert await halting.list() == []
