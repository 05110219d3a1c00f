"""The market routes: fields, filters, pages, ranges, and what bad input gets."""

import json
from dataclasses import replace

import msgspec
import pytest


def fields_of(error):
    return [field["name"] for field in error["details"]["fields"]]


async def test_quote_is_the_record_with_what_rest_adds(gateway):
    data = await gateway.data("/v1/quotes?symbols=AAPL.US")
    record = json.loads(gateway.board.quotes["AAPL.US"].value)
    [quote] = data["quotes"]
    assert quote["feed_state"] == "live"
    assert quote["age_ms"] == 5
    assert quote["seq"] == 41
    assert "bids" not in quote
    assert all(quote[name] == record[name] for name in record if name not in {"bids", "asks"})
    assert data["without_quote"] == []


@pytest.mark.parametrize(("depth", "shown"), [(1, 1), (5, 5), (10, 10)])
async def test_depth_to_ten_comes_from_the_record(gateway, depth, shown):
    [quote] = (await gateway.data(f"/v1/quotes?symbols=AAPL.US&depth={depth}"))["quotes"]
    record = json.loads(gateway.board.quotes["AAPL.US"].value)
    assert quote["bids"] == record["bids"][:shown]
    assert quote["asks"] == record["asks"][:shown]
    assert quote["seq"] == 41


async def test_deeper_levels_come_with_the_quote_of_their_own_time(gateway):
    [quote] = (await gateway.data("/v1/quotes?symbols=AAPL.US&depth=30"))["quotes"]
    assert len(quote["bids"]) == len(quote["asks"]) == 30
    assert quote["seq"] == 40
    assert quote["age_ms"] == 9
    assert quote["bids"][0][0] == quote["bid"]


async def test_a_stored_quote_that_the_board_knows_nothing_of_is_as_old_as_it_is(gateway):
    del gateway.board.quotes["AAPL.US"]
    [quote] = (await gateway.data("/v1/quotes?symbols=AAPL.US&depth=30"))["quotes"]
    assert quote["feed_state"] == "live"
    gateway.clock.advance(3_600)
    [quote] = (await gateway.data("/v1/quotes?symbols=AAPL.US&depth=30"))["quotes"]
    assert quote["feed_state"] == "stale"


async def test_depth_of_a_feed_without_depth_is_left_out(gateway):
    [quote] = (await gateway.data("/v1/quotes?symbols=TSLA.US&depth=20"))["quotes"]
    assert "bids" not in quote
    assert quote["change_24h"] == "-1.5"


async def test_state_and_order_of_several_symbols(gateway):
    data = await gateway.data("/v1/quotes?symbols=BTCUSDT.BINANCE,AAPL.US,BTCUSDT.BINANCE")
    assert [quote["symbol"] for quote in data["quotes"]] == ["BTCUSDT.BINANCE", "AAPL.US"]
    assert data["quotes"][0]["feed_state"] == "stale"


async def test_a_quote_from_the_future_has_age_zero(gateway):
    ahead = replace(gateway.board.quotes["TSLA.US"], taken_in=gateway.clock.now() + 10**9)
    gateway.board.quotes["TSLA.US"] = ahead
    assert (await gateway.data("/v1/quotes?symbols=TSLA.US"))["quotes"][0]["age_ms"] == 0


async def test_known_symbol_without_quote_is_named(gateway):
    data = await gateway.data("/v1/quotes?symbols=QUIET.US,TSLA.US")
    assert data["without_quote"] == ["QUIET.US"]
    error = await gateway.error("/v1/quotes?symbols=QUIET.US", 404)
    assert error["code"] == "market.no_quote"
    assert error["retryable"] is True
    assert error["details"]["symbols"] == ["QUIET.US"]


async def test_unknown_symbols_are_all_named(gateway):
    error = await gateway.error("/v1/quotes?symbols=NO.US,AAPL.US,%E4%B8%AD.X", 404)
    assert error["code"] == "market.unknown_symbol"
    assert error["details"]["symbols"] == ["NO.US", "中.X"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["symbols"]),
        ("?symbols=", ["symbols"]),
        ("?symbols=AAPL.US,", ["symbols"]),
        ("?symbols=AAPL.US&depth=0", ["depth"]),
        ("?symbols=AAPL.US&depth=51", ["depth"]),
        ("?symbols=AAPL.US&depth=1.5", ["depth"]),
        ("?depth=x", ["symbols", "depth"]),
        ("?symbols=AAPL.US&symbols=TSLA.US", ["symbols"]),
        ("?symbols=%FF", ["query"]),
        ("?symbols=" + ",".join(f"S{i}.US" for i in range(501)), ["symbols"]),
    ],
)
async def test_bad_quote_queries_name_every_field(gateway, query, names):
    error = await gateway.error(f"/v1/quotes{query}", 422)
    assert error["code"] == "request.invalid"
    assert fields_of(error) == names
    assert all(field["reason"] and field["expected"] for field in error["details"]["fields"])


async def test_quotes_weight_grows_with_the_symbols(gateway):
    symbols = ",".join(["AAPL.US", "TSLA.US"] * 10)
    response = await gateway.get(f"/v1/quotes?symbols={symbols}")
    assert response.headers["X-RateLimit-Remaining"] == str(1200 - 3)


async def test_markets_carry_reference_data_and_session(gateway):
    data = await gateway.data("/v1/markets?venue=XTKS")
    [item] = data["items"]
    assert item["symbol"] == "7203.JP"
    assert item["session"] == "closed"
    assert item["currency"] == "JPY"
    assert item["tick_size"] == "0.01"
    assert "reference_price" not in item
    assert data["next_page_token"] is None


async def test_markets_filters(gateway):
    halted = await gateway.data("/v1/markets?status=halted&asset_class=equity")
    assert [item["symbol"] for item in halted["items"]] == ["TSLA.US"]
    assert (await gateway.data("/v1/markets?status=halted&asset_class=crypto"))["items"] == []
    assert fields_of(await gateway.error("/v1/markets?status=x&asset_class=y", 422)) == ["asset_class", "status"]
    assert (await gateway.error("/v1/markets?venue=XXXX", 404))["code"] == "market.unknown_venue"


async def test_markets_pages_walk_everything_once(gateway):
    seen, token = [], ""
    while token is not None:
        data = await gateway.data("/v1/markets?page_size=2" + (f"&page_token={token}" if token else ""))
        seen += [item["symbol"] for item in data["items"]]
        token = data["next_page_token"]
    assert seen == sorted(["AAPL.US", "TSLA.US", "QUIET.US", "7203.JP", "BTCUSDT.BINANCE"])


async def test_page_tokens_hold_only_for_their_list(gateway):
    token = (await gateway.data("/v1/markets?page_size=1"))["next_page_token"]
    assert (await gateway.error(f"/v1/markets?venue=XNAS&page_token={token}", 404))["code"] == "page_token.not_found"
    for bad in ("x", token[:-3] + "AAA", "%F0%9F%98%80", "", "A" * 3000):
        error = await gateway.error(f"/v1/markets?page_token={bad}", 404)
        assert error["code"] == "page_token.not_found"


async def test_bars_newest_limit_oldest_first(gateway):
    data = await gateway.data("/v1/bars?symbol=AAPL.US&timeframe=1m&limit=2")
    assert data["symbol"] == "AAPL.US"
    assert data["timeframe"] == "1m"
    assert [bar["t"] for bar in data["bars"]] == ["2024-08-01T04:58:00Z", "2024-08-01T04:59:00Z"]
    assert data["bars"][0] == {
        "t": "2024-08-01T04:58:00Z", "o": "10", "h": "12", "l": "9", "c": "11", "v": "3",
        "vwap": "10.666666666667", "notional": "32", "trades": 2, "final": True, "revision": 0,
    }  # fmt: skip
    assert len((await gateway.data("/v1/bars?symbol=AAPL.US&timeframe=1m"))["bars"]) == 200


async def test_bars_range_is_left_closed_right_open(gateway):
    data = await gateway.data(
        "/v1/bars?symbol=AAPL.US&timeframe=1m&start=2024-08-01T00:01:00Z&end=2024-08-01T02:03:00%2B02:00"
    )
    assert [bar["t"] for bar in data["bars"]] == ["2024-08-01T00:01:00Z", "2024-08-01T00:02:00Z"]


async def test_bars_that_corrections_emptied_are_not_shown(gateway):
    gateway.bars.documents[-1] = msgspec.structs.replace(gateway.bars.documents[-1], trades=0)
    data = await gateway.data("/v1/bars?symbol=AAPL.US&timeframe=1m&limit=2")
    assert [bar["t"] for bar in data["bars"]] == ["2024-08-01T04:58:00Z"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["symbol", "timeframe"]),
        ("symbol=AAPL.US&timeframe=2m", ["timeframe"]),
        ("symbol=AAPL.US&timeframe=1m&start=yesterday", ["start"]),
        ("symbol=AAPL.US&timeframe=1m&end=2024-08-01", ["end"]),
        ("symbol=AAPL.US&timeframe=1m&end=2024-08-01T00:00:00", ["end"]),
        ("symbol=AAPL.US&timeframe=1m&end=2024-02-30T00:00:00Z", ["end"]),
        ("symbol=AAPL.US&timeframe=1m&start=2024-08-01T00:00:00+02:00", ["start"]),
        ("symbol=AAPL.US&timeframe=1m&limit=5001", ["limit"]),
        ("symbol=AAPL.US&timeframe=1m&limit=%D9%A3", ["limit"]),
    ],
)
async def test_bad_bar_queries_name_every_field(gateway, query, names):
    assert fields_of(await gateway.error(f"/v1/bars?{query}", 422)) == names


async def test_bars_of_unknown_symbol_and_empty_range(gateway):
    error = await gateway.error("/v1/bars?symbol=NO.US&timeframe=1m", 404)
    assert (error["code"], error["details"]["symbols"]) == ("market.unknown_symbol", ["NO.US"])
    same = "2024-08-01T00:00:00Z"
    error = await gateway.error(f"/v1/bars?symbol=AAPL.US&timeframe=1m&start={same}&end={same}", 404)
    assert error["code"] == "market.empty_range"
    assert fields_of(error) == ["end"]


async def test_bars_at_the_ends_of_time(gateway):
    target = "/v1/bars?symbol=AAPL.US&timeframe=1m&limit=1&start=0000-01-01T00:00:00Z&end=9999-12-31T23:59:60Z"
    assert len((await gateway.data(target))["bars"]) == 1


async def test_calendar_of_a_day(gateway):
    data = await gateway.data("/v1/calendar?date=2024-08-08")
    assert data["date"] == "2024-08-08"
    by_venue = {}
    for session in data["sessions"]:
        by_venue.setdefault(session["venue"], []).append((session["open_at"], session["close_at"]))
    assert by_venue == {
        "BINANCE": [("2024-08-08T00:00:00Z", "2024-08-09T00:00:00Z")],
        "XNAS": [("2024-08-08T13:30:00Z", "2024-08-08T20:00:00Z")],
        "XTKS": [("2024-08-08T00:00:00Z", "2024-08-08T02:30:00Z"), ("2024-08-08T03:30:00Z", "2024-08-08T06:30:00Z")],
    }


async def test_calendar_holiday_early_close_and_filters(gateway):
    [holiday] = (await gateway.data("/v1/calendar?date=2024-07-04&venue=XNAS"))["sessions"]
    assert holiday["is_trading_day"] is False
    assert holiday["notes"] == "Independence Day"
    assert "open_at" not in holiday
    [early] = (await gateway.data("/v1/calendar?date=2024-07-03&asset_class=equity&venue=XNAS"))["sessions"]
    assert early["close_at"] == "2024-07-03T17:00:00Z"
    assert early["notes"] == "early close"
    assert (await gateway.data("/v1/calendar"))["date"] == "2024-08-08"


async def test_bad_calendar_queries(gateway):
    assert fields_of(await gateway.error("/v1/calendar?date=2024-13-01", 422)) == ["date"]
    assert fields_of(await gateway.error("/v1/calendar?date=20240801", 422)) == ["date"]
    assert (await gateway.error("/v1/calendar?date=0001-01-01", 404))["code"] == "market.no_calendar"
    assert (await gateway.error("/v1/calendar?venue=XXXX", 404))["code"] == "market.unknown_venue"


async def test_status_tells_every_part_in_the_callers_language(gateway):
    data = await gateway.data("/v1/status")
    assert data["overall"] == "operational"
    assert data["mode"] == "non-production"
    assert {"name": "database", "status": "operational"} in data["components"]
    gateway.probe.parts = [
        replace(part, status="outage") if part.name == "XNAS" else part for part in gateway.probe.parts
    ]
    response = await gateway.get("/v1/status", {"Accept-Language": "zh-CN"})
    data = (await response.get_json())["data"]
    assert (data["overall"], data["label"]) == ("degraded", "部分系统性能下降")


async def test_time_and_errors_need_no_key(gateway):
    response = await gateway.open("GET", "/public/v1/time")
    data = (await response.get_json())["data"]
    assert data == {"server_time": gateway.clock.now() // 1_000_000, "ts": "2024-08-08T14:30:00Z"}
    response = await gateway.open("GET", "/public/v1/errors")
    items = {item["code"]: item for item in (await response.get_json())["data"]["items"]}
    assert items["market.unknown_symbol"]["status"] == 404
    assert set(items["market.unknown_symbol"]["messages"]) == {"en-US", "zh-CN", "ja-JP"}


async def test_scope_is_needed(gateway):
    key = gateway.keys.keys["pmk_test"]
    gateway.keys.keys["pmk_test"] = key.model_copy(update={"scopes": ("stream",)})
    error = await gateway.error("/v1/quotes?symbols=AAPL.US", 403)
    assert error["code"] == "auth.scope_missing"
    assert error["message"] == "The API key lacks the scope market:read."
