"""Reads of positions, account, limits, trading state and signals: as of which seq, at which prices, for whom."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from ops.runtime.timestamps import format_timestamp, parse_timestamp
from storage.models.controls import Halt
from storage.mongo.controls import StoredControl

MOMENT = parse_timestamp("2024-08-08T14:00:00Z")

READS = [
    "/v1/orders", "/v1/orders/ord_1", "/v1/orders/by-client-id/x", "/v1/fills", "/v1/positions", "/v1/accounts",
    "/v1/accounts/limits", "/v1/accounts/trading-state", "/v1/risk/signals",
]  # fmt: skip


@pytest.mark.parametrize("target", READS)
async def test_every_read_says_as_of_which_seq_it_is(gateway, target):
    response = await gateway.get(target)
    assert response.status_code == 200
    assert response.headers["X-Account-Seq"] == "9"
    assert (await response.get_json())["data"]["as_of_seq"] == 9


@pytest.mark.parametrize("target", READS)
async def test_a_read_that_must_be_newer_is_behind(gateway, target):
    response = await gateway.get(target, {"X-Min-Account-Seq": "10"})
    error = (await response.get_json())["error"]
    assert (response.status_code, error["code"], error["retryable"]) == (409, "read.behind", True)
    assert error["details"] == {"as_of_seq": 9, "min_seq": 10}
    assert response.headers["X-Account-Seq"] == "9"


async def test_a_read_waits_for_the_seq_that_it_must_have(gateway):
    accounts = gateway.data_of_account.accounts
    get = accounts.get

    async def get_and_move(account_id: str):
        found = await get(account_id)
        if accounts.reads == 2:
            gateway.data_of_account.reach(10)
        return found

    accounts.get = get_and_move
    response = await gateway.get("/v1/accounts/limits", {"X-Min-Account-Seq": "10"})
    assert response.status_code == 200
    assert response.headers["X-Account-Seq"] == "10"


@pytest.mark.parametrize("sent", ["-1", "1.5", "soon", "", "1" * 19])
async def test_a_seq_that_is_none_is_refused(gateway, sent):
    response = await gateway.get("/v1/orders", {"X-Min-Account-Seq": sent})
    error = (await response.get_json())["error"]
    assert (response.status_code, error["code"]) == (422, "request.invalid")
    assert error["details"]["fields"][0]["name"] == "X-Min-Account-Seq"


@pytest.mark.parametrize("target", READS)
async def test_an_account_that_is_not_open_is_a_conflict(gateway, target):
    gateway.data_of_account.accounts.documents.clear()
    assert (await gateway.error(target, 409))["code"] == "account.not_open"


@pytest.mark.parametrize("target", READS)
async def test_a_tenant_without_an_account_is_a_conflict(gateway, target):
    gateway.tenants.tenants["ten_1"] = gateway.tenants.tenants["ten_1"].model_copy(update={"account_ids": ()})
    assert (await gateway.error(target, 409))["code"] == "account.not_open"


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("trade:read", READS[:4]),
        ("account:read", READS[4:]),
        ("trade:write", ["/v1/accounts/trading-state"]),
        ("market:read", []),
    ],
)
async def test_scopes(gateway, scope, allowed):
    key = gateway.keys.keys["pmk_test"]
    gateway.keys.keys["pmk_test"] = key.model_copy(update={"scopes": (scope,)})
    statuses = {target: (await gateway.get(target)).status_code for target in READS}
    assert statuses == {target: 200 if target in allowed else 403 for target in READS}


async def test_reads_have_a_limit_of_their_own(gateway):
    before = await gateway.get("/v1/orders")
    after = await gateway.get("/v1/accounts")
    assert before.headers["X-RateLimit-Limit"] == "600"
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in (before, after)]
    assert left == [599, 598]


async def test_positions_are_at_the_present_quotes(gateway):
    data = await gateway.data("/v1/positions")
    held, flat = data["items"]
    assert held == {
        "symbol": "AAPL.US", "venue": "XNAS", "asset_class": "equity", "currency": "USD", "net_qty": "10",
        "avg_price": "90", "mark_price": "100.5", "notional": "1005", "margin": "502.5", "unrealized_pnl": "105",
        "realized_pnl": "0", "updated_at": held["updated_at"],
    }  # fmt: skip
    assert (flat["symbol"], flat["net_qty"], flat["realized_pnl"], flat["margin"]) == ("TSLA.US", "0", "-12.5", "0")
    assert data["next_page_token"] is None


async def test_a_position_without_a_quote_keeps_the_mark_of_its_last_record(gateway):
    gateway.board.quotes.clear()
    [held] = (await gateway.data("/v1/positions?symbol=AAPL.US"))["items"]
    assert (held["mark_price"], held["unrealized_pnl"]) == ("95", "50")


async def test_positions_filter_and_page(gateway):
    assert [one["symbol"] for one in (await gateway.data("/v1/positions?asset_class=crypto"))["items"]] == []
    assert (await gateway.error("/v1/positions?symbol=NONE", 404))["code"] == "market.unknown_symbol"
    assert (await gateway.error("/v1/positions?asset_class=stone", 422))["code"] == "request.invalid"
    first = await gateway.data("/v1/positions?page_size=1")
    second = await gateway.data(f"/v1/positions?page_size=1&page_token={first['next_page_token']}")
    assert [one["symbol"] for one in first["items"] + second["items"]] == ["AAPL.US", "TSLA.US"]
    assert second["next_page_token"] is None
    assert (await gateway.error("/v1/positions?page_token=made-up", 404))["code"] == "page_token.not_found"


async def test_account_is_valued_at_the_present_quotes(gateway):
    data = await gateway.data("/v1/accounts")
    assert data["cash"] == "10000"
    assert data["unrealized_pnl"] == "105"
    assert data["equity"] == "10105"
    assert data["initial_margin"] == "502.5"
    assert data["maintenance_margin"] == "251.25"
    assert data["reserved"] == "100"
    assert data["available_margin"] == "9502.5"
    assert data["risk_ratio"] == str((Decimal("251.25") / 10105).quantize(Decimal("1e-8")))
    assert (data["account_id"], data["currency"], data["trading_state"]) == ("acc_1", "USD", "active")
    assert data["valued_at"] == "2024-08-08T14:30:00Z"
    assert (data["balances"], data["unconverted"], data["open_orders"]) == ({"USD": "10000"}, [], 3)


async def test_an_account_whose_debts_exceed_it_has_no_risk_ratio(gateway):
    documents = gateway.data_of_account.accounts.documents
    poor = replace(documents["acc_1"].account, balances={"USD": "-200"})
    documents["acc_1"] = replace(documents["acc_1"], account=poor)
    data = await gateway.data("/v1/accounts")
    assert (data["equity"], data["risk_ratio"], data["margin_level"]) == ("-95", None, "liquidation")


@pytest.mark.parametrize(
    ("cash", "level"),
    [("10000", "ok"), ("253.93", "ok"), ("253.92", "warning"), ("190.5", "call"), ("146.25", "liquidation")],
)
async def test_an_account_says_how_near_it_is_to_liquidation(gateway, cash, level):
    """251.25 of maintenance margin and 105 of profit at the present quotes."""
    documents = gateway.data_of_account.accounts.documents
    changed = replace(documents["acc_1"].account, balances={"USD": cash})
    documents["acc_1"] = replace(documents["acc_1"], account=changed)
    data = await gateway.data("/v1/accounts")
    assert data["margin_level"] == level, data["risk_ratio"]


async def test_positions_ahead_of_the_account_never_make_a_wrong_sum(gateway):
    """A closing fill is in the positions already and not yet in the balances: the last record's own values are shown."""
    positions = gateway.data_of_account.positions
    positions.positions[0] = replace(positions.positions[0], net_qty="0", cost="0", seq=10)
    data = await gateway.data("/v1/accounts")
    assert (data["equity"], data["unrealized_pnl"], data["as_of_seq"]) == ("10050", "50", 9)


async def test_the_account_is_waited_for_when_positions_are_ahead(gateway):
    data_of_account = gateway.data_of_account
    positions, accounts = data_of_account.positions, data_of_account.accounts
    positions.positions[0] = replace(positions.positions[0], net_qty="0", cost="0", seq=10)
    get = accounts.get

    async def get_and_settle(account_id: str):
        if accounts.reads == 2:
            closed = replace(accounts.documents["acc_1"].account, balances={"USD": "10105"})
            accounts.documents["acc_1"] = replace(accounts.documents["acc_1"], account=closed, as_of_seq=10)
        return await get(account_id)

    accounts.get = get_and_settle
    data = await gateway.data("/v1/accounts")
    assert (data["equity"], data["unrealized_pnl"], data["as_of_seq"]) == ("10105", "0", 10)


async def test_limits_and_trading_state(gateway):
    limits = await gateway.data("/v1/accounts/limits")
    assert limits["max_order_value"] == "1000000"
    assert limits["max_order_quantity"] is None
    assert limits["price_collar"]["crypto"] == "0.1"
    state = await gateway.data("/v1/accounts/trading-state")
    assert state == {"state": "active", "since": state["since"], "set_by": "account", "halts": [], "as_of_seq": 9}


async def test_the_trading_state_names_the_halts_that_hold_for_all_of_the_account(gateway):
    halts = [
        Halt("hlt_1", "account", "acc_1", "reducing", "ours"),
        Halt("hlt_2", "account", "acc_other", "halted", "another's"),
        Halt("hlt_3", "tenant", "ten_1", "halted", "lifted", lifted=True),
        Halt("hlt_4", "symbol", "AAPL.US", "halted", "one symbol"),
        Halt("hlt_5", "platform", "", "halted", "drill"),
        Halt("hlt_6", "tenant", "ten_1", "reducing", "second"),
        Halt("hlt_7", "tenant", "ten_1", "halted", "first"),
        Halt("hlt_8", "tenant", "acc_1", "halted", "another kind of target"),
    ]
    gateway.data_of_account.halts.stored += [
        StoredControl(1, halt, MOMENT - number, pending=False) for number, halt in enumerate(halts)
    ]
    state = await gateway.data("/v1/accounts/trading-state")
    assert state["state"] == "active"
    assert [(one["scope"], one["level"], one["reason"]) for one in state["halts"]] == [
        ("platform", "halted", "drill"),
        ("tenant", "halted", "first"),
        ("tenant", "reducing", "second"),
        ("account", "reducing", "ours"),
    ]
    assert state["halts"][3]["since"] == format_timestamp(MOMENT)


async def test_signals_of_the_account_and_the_platform_oldest_first(gateway):
    data = await gateway.data("/v1/risk/signals")
    assert [(one["signal_id"], one["code"]) for one in data["items"]] == [
        ("sig_a", "feed.stale"), ("sig_b", "margin.warning"),
    ]  # fmt: skip
    first = await gateway.data("/v1/risk/signals?page_size=1")
    rest = await gateway.data(f"/v1/risk/signals?page_token={first['next_page_token']}")
    assert first["items"] + rest["items"] == data["items"]
