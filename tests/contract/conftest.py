"""A gateway built of fakes, in process: the real app, key cache, limiter and rules over data that fits on a page."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import quote as percent_encoded

import msgspec
import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config
from pydantic import SecretStr
from quart import Quart, Response

from gateway.app import GatewayParts, build_app
from gateway.callers import SignedRequest
from gateway.http.keys import KeyCache
from gateway.http.limits import Limiter
from gateway.http.sessions import SessionCache
from gateway.http.signing import signature_of, string_to_sign
from gateway.people import PeopleParts
from gateway.quote_board import BoardQuote
from gateway.system.status import Component
from ops.processes.people_parts import end_people
from ops.runtime.clock import Clock, ManualClock, SystemClock, milliseconds
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.metrics import Metrics
from ops.runtime.settings import Settings
from storage.models.bars import BarDocument
from storage.models.calendars import Calendar, Segment
from storage.models.instruments import Instrument
from storage.models.latest_quotes import LatestQuoteDocument
from storage.models.market_data import Level, Quote, encode
from storage.models.tenants import ALL_SCOPES, ApiKey, Tenant
from storage.reference import ReferenceData
from tests.contract.account_data import AccountData, account_data
from tests.contract.fakes import Bars, Board, Keys, LatestQuotes, Measures, Probe, Tenants
from tests.contract.people import Town
from tests.contract.people_place import KEY_RING, PeoplePlace, memory_platform
from tests.contract.trading_road import Road, trading_road
from tests.integration.orders.trading_place import ACCOUNT as ROAD_ACCOUNT
from tests.integration.orders.trading_place import REFERENCE as ROAD_REFERENCE

SECRET = "a secret as it was shown"
KEY_ID = "pmk_test"
CONNECTED_FROM = "203.0.113.7"
MINUTE = 60 * 1_000_000_000
BARS_START = 1_722_470_400 * 1_000_000_000  # 2024-08-01T00:00:00Z


def instrument(symbol: str, venue: str, asset_class: str, calendar: str, **more: object) -> Instrument:
    """An instrument with ordinary sizes."""
    fields = {
        "currency": "USD", "price_precision": 2, "qty_precision": 0, "tick_size": "0.01", "lot_size": "1",
        "min_quantity": "1", "max_quantity": "10000", "min_notional": "1", "initial_margin_rate": "0.5",
        "maintenance_margin_rate": "0.25", "reference_price": "100",
    }  # fmt: skip
    return Instrument(symbol=symbol, venue=venue, asset_class=asset_class, calendar=calendar, **{**fields, **more})


def reference_data() -> ReferenceData:
    """Five symbols of three venues; XTKS has a lunch break, XNAS a holiday and an early close."""
    day = (
        Segment(state="premarket", start_minute=240, end_minute=570),
        Segment(state="open", start_minute=570, end_minute=960),
    )
    lunch = (
        Segment(state="open", start_minute=540, end_minute=690),
        Segment(state="open", start_minute=750, end_minute=930),
    )
    calendars = [
        Calendar(name="always", timezone="UTC", always_open=True),
        Calendar(
            name="XNAS",
            timezone="America/New_York",
            weekly=dict.fromkeys(range(5), day),
            exceptions={"2024-07-04": (), "2024-07-03": (Segment(state="open", start_minute=570, end_minute=780),)},
            notes={"2024-07-04": "Independence Day", "2024-07-03": "early close"},
        ),
        Calendar(name="XTKS", timezone="Asia/Tokyo", weekly=dict.fromkeys(range(5), lunch)),
    ]
    instruments = [
        instrument("AAPL.US", "XNAS", "equity", "XNAS"),
        instrument("TSLA.US", "XNAS", "equity", "XNAS", status="halted"),
        instrument("QUIET.US", "XNAS", "equity", "XNAS"),
        instrument("7203.JP", "XTKS", "equity", "XTKS", currency="JPY"),
        instrument("BTCUSDT.BINANCE", "BINANCE", "crypto", "always", currency="USDT"),
    ]
    return ReferenceData.of(instruments, calendars)


def levels(count: int, first: int, step: int) -> tuple[Level, ...]:
    """`count` levels from the price `first`, best first."""
    return tuple((str(first + step * place), str(place + 1)) for place in range(count))


def board_quote(symbol: str, venue: str, taken_in: int, seq: int, depth: int = 0, **more: str) -> BoardQuote:
    """A quote whose record carries up to ten levels."""
    quote = Quote(
        symbol=symbol, venue=venue, last="100.5", bid="100", ask="101", bid_size="1", ask_size="1",
        session_state="open", ts="2024-08-08T14:30:00.5Z", ts_in="2024-08-08T14:30:00.6Z",
        bids=levels(min(depth, 10), 100, -1) if depth else None,
        asks=levels(min(depth, 10), 101, 1) if depth else None,
        **more,
    )  # fmt: skip
    return BoardQuote(value=encode(quote), seq=seq, taken_in=taken_in, feed_state="live")


def bar(symbol: str, index: int, **more: object) -> BarDocument:
    """The one-minute bar number `index`."""
    start = BARS_START + index * MINUTE
    plain = BarDocument(
        symbol=symbol, timeframe="1m", start=start, end=start + MINUTE, open="10", high="12", low="9", close="11",
        open_at=(start, 1), close_at=(start + 1, 2), volume="3", notional="32", trades=2, partition=0,
        first_offset=index, upto=index, final=True, revision=0, taken_in=start,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **more)


@dataclass
class Gateway:
    """The app, the fakes behind it, and requests to it."""

    app: Quart
    clock: Clock
    keys: Keys
    tenants: Tenants
    board: Board
    bars: Bars
    latest: LatestQuotes
    probe: Probe
    measures: Measures
    authenticator: KeyCache
    limiter: Limiter
    data_of_account: AccountData
    place: PeoplePlace
    people: PeopleParts
    session_cache: SessionCache

    def signed_headers(
        self, method: str, path: str, query: str = "", *, body: bytes = b"", **change: str
    ) -> dict[str, str]:
        """The three headers of a request; `change` replaces `timestamp`, `key`, `secret` or `idempotency_key`."""
        timestamp = change.get("timestamp", str(milliseconds(self.clock.now())))
        request = SignedRequest(method, path, query, change.get("idempotency_key", ""), body, {}, "")
        text = string_to_sign(request, timestamp)
        return {
            "X-PM-API-KEY": change.get("key", KEY_ID),
            "X-PM-TIMESTAMP": timestamp,
            "X-PM-SIGNATURE": signature_of(change.get("secret", SECRET).encode(), text),
        }

    async def open(self, method: str, target: str, headers: Mapping[str, str] | None = None, **more) -> Response:
        """A request as it is. `target` is path and raw query."""
        path, _, query = target.partition("?")
        scope = {"raw_path": path.encode(), "query_string": query.encode(), "client": (CONNECTED_FROM, 1)}
        client = self.app.test_client()
        return await client.open(
            path, method=method, headers=dict(headers or {}), scope_base={**scope, **more.pop("scope", {})}, **more
        )

    async def get(self, target: str, headers: Mapping[str, str] | None = None) -> Response:
        """A signed GET."""
        path, _, query = target.partition("?")
        return await self.open("GET", target, {**self.signed_headers("GET", path, query), **(headers or {})})

    async def data(self, target: str) -> dict:
        """The `data` of a signed GET that succeeds."""
        response = await self.get(target)
        answer = await response.get_json()
        assert response.status_code == 200, answer
        return answer["data"]

    async def error(self, target: str, status: int) -> dict:
        """The `error` of a signed GET that is refused with `status`."""
        response = await self.get(target)
        answer = await response.get_json()
        assert response.status_code == status, answer
        return answer["error"]


def make_gateway(clock: Clock, settings: Settings | None = None, road: Road | None = None) -> Gateway:
    """A gateway on `clock`. With `road` its tenant's account is that of the trading road."""
    settings = settings or Settings(_env_file=None, admin_registration="open")
    place = PeoplePlace(memory_platform(clock) if road is None else road.platform, settings)
    now = clock.now()
    key = ApiKey(
        key_id=KEY_ID, tenant_id="ten_1", label="test", scopes=ALL_SCOPES, created_at=now,
        sealed_secret=KEY_RING.seal(SECRET.encode(), KEY_ID.encode()),
    )  # fmt: skip
    keys = Keys({KEY_ID: key}, place.api_keys)
    account_id = "acc_1" if road is None else ROAD_ACCOUNT
    tenant = Tenant(tenant_id="ten_1", name="One", account_ids=(account_id,), created_at=now)
    tenants = Tenants({"ten_1": tenant}, place.tenants)
    deep = board_quote("AAPL.US", "XNAS", now - 5_000_000, 41, depth=50)
    depth = msgspec.json.encode({"bids": levels(50, 100, -1), "asks": levels(50, 101, 1)})
    board = Board(
        {
            "AAPL.US": deep,
            "TSLA.US": board_quote("TSLA.US", "XNAS", now, 7, change_24h="-1.5"),
            "BTCUSDT.BINANCE": replace(board_quote("BTCUSDT.BINANCE", "BINANCE", now, 9), feed_state="stale"),
        }
    )
    latest = LatestQuotes({"AAPL.US": LatestQuoteDocument("AAPL.US", 0, 40, deep.value, now - 9_000_000, depth, 40)})
    bars = Bars([bar("AAPL.US", index) for index in range(300)])
    probe = Probe(
        [
            Component(name, "operational")
            for name in ("gateway", "streams", "workers", "database", "log", "jobs", "XNAS")
        ]
    )
    authenticator = KeyCache(
        keys, tenants, place.users, KEY_RING, clock, metrics=Metrics(), explains=settings.mode != "production"
    )
    session_cache = SessionCache(
        place.access_tokens, sessions=place.sessions, users=place.users, admins=place.admins, tenants=tenants, clock=clock,
        metrics=Metrics(),
    )  # fmt: skip
    limiter = Limiter(
        clock,
        market_per_minute=settings.market_weight_per_minute,
        public_per_minute=settings.public_requests_per_minute,
        account_per_minute=settings.account_reads_per_minute,
        orders_per_second=settings.orders_per_second,
        orders_per_day=settings.orders_per_day,
        cancels_per_second=settings.cancels_per_second,
        auth_per_minute=settings.auth_requests_per_minute,
        auth_attempts_per_minute=settings.auth_attempts_per_minute,
        wrong_passwords=settings.wrong_passwords,
        user_per_minute=settings.user_requests_per_minute,
        admin_per_minute=settings.admin_requests_per_minute,
    )
    measures = Measures()
    reference = reference_data() if road is None else ROAD_REFERENCE
    of_account = account_data(clock)
    trading = of_account.trading() if road is None else road.trading
    people = place.parts(limiter, trading.decisions, lambda: reference)
    app = build_app(
        GatewayParts(
            settings=settings, clock=clock, identifiers=SystemIdentifiers(), authenticator=authenticator,
            bearers=session_cache, idempotency=place.idempotency(), signing_keys=place.signing_keys, limiter=limiter,
            measures=measures, board=board, latest_quotes=latest, bars=bars, reference=lambda: reference, probe=probe,
            trading=trading, people=people,
        )
    )  # fmt: skip
    return Gateway(
        app, clock, keys, tenants, board, bars, latest, probe, measures, authenticator, limiter, of_account, place, people,
        session_cache,
    )  # fmt: skip


def raw_target(path: str, **query: str) -> str:
    """Path and query, percent-encoded."""
    return path + "?" + "&".join(f"{name}={percent_encoded(value, safe=',')}" for name, value in query.items())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_723_127_400 * 1_000_000_000)  # Thursday 2024-08-08T14:30:00Z


@pytest.fixture
def gateway(clock: ManualClock) -> Gateway:
    return make_gateway(clock)


@pytest.fixture
def remade(clock: ManualClock):
    """Makes a gateway with other settings."""

    def make(**changes: object) -> Gateway:
        return make_gateway(clock, Settings(_env_file=None, **changes))

    return make


ALERTMANAGER_TOKEN = "alertmanager's own token"


def generous() -> Settings:
    """Limits that no test reaches."""
    most = 10**9
    return Settings(
        _env_file=None,
        admin_registration="open",
        alertmanager_token=SecretStr(ALERTMANAGER_TOKEN),
        market_weight_per_minute=most,
        public_requests_per_minute=most,
        account_reads_per_minute=most,
        orders_per_second=most,
        orders_per_day=most,
        cancels_per_second=most,
        auth_requests_per_minute=most,
        auth_attempts_per_minute=most,
        wrong_passwords=most,
        user_requests_per_minute=most,
        admin_requests_per_minute=most,
    )


@pytest.fixture
async def town(clock: ManualClock) -> AsyncIterator[Town]:
    """People before a gateway whose limits nobody reaches."""
    town = await Town(make_gateway(clock, generous())).open()
    yield town
    await end_people(town.gateway.people)


@pytest.fixture
async def trading_gateway() -> AsyncIterator[Gateway]:
    """A gateway on the machine's clock, before the whole road of an order."""
    async with trading_road() as road:
        yield make_gateway(SystemClock(), generous(), road)


class Served(NamedTuple):
    """A gateway at a loopback address, and the loop that it runs on."""

    address: str
    gateway: Gateway
    loop: asyncio.AbstractEventLoop


@pytest.fixture(scope="module")
def served_gateway() -> Iterator[Served]:
    """The same at a loopback address."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    loop = asyncio.new_event_loop()
    stop, made = asyncio.Event(), Future()
    thread = threading.Thread(target=loop.run_until_complete, args=(_serve(listener, made, stop),))
    thread.start()
    yield Served(address, made.result(timeout=110), loop)
    loop.call_soon_threadsafe(stop.set)
    thread.join(timeout=100)
    loop.close()


async def _serve(listener: socket.socket, made: "Future[Gateway]", stop: asyncio.Event) -> None:
    async with trading_road() as road:
        gateway = make_gateway(SystemClock(), generous(), road)
        config = Config()
        config.bind = [f"fd://{listener.detach()}"]  # hypercorn closes it
        config.errorlog = None
        made.set_result(gateway)
        await serve(gateway.app, config, shutdown_trigger=stop.wait)
