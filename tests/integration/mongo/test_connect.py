"""Connecting: a URL chooses, a server that is not there is named in one line, in bounded time."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from storage.models.latest_quotes import LatestQuoteDocument
from storage.mongo.connect import Store, StoreUnavailable, connect
from storage.mongo.latest_quotes import LatestQuotes
from storage.mongo.reference import reference_version

NOWHERE = "mongodb://somebody:its-password@127.0.0.1:1/?directConnection=true"


async def test_a_store_answers(store: Store) -> None:
    await store.ping()


async def test_each_mongomock_store_is_empty_and_of_its_own() -> None:
    await LatestQuotes(connect("mongomock://", "a").database).upsert_many([_quote(1)])
    assert await LatestQuotes(connect("mongomock://", "a").database).all() == []


async def test_a_server_that_is_not_there_is_named_in_one_line_without_the_password() -> None:
    store = connect(NOWHERE, "omniaxs", selection_timeout_ms=200)
    try:
        async with asyncio.timeout(3):
            with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1.*refused") as refused:
                await store.ping()
    finally:
        store.close()
    assert "\n" not in str(refused.value)
    assert "Topology" not in str(refused.value)
    assert "its-password" not in str(refused.value)


async def test_repositories_and_functions_raise_it_too() -> None:
    store = connect(NOWHERE, "omniaxs", selection_timeout_ms=200)
    try:
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await LatestQuotes(store.database).all()
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await LatestQuotes(store.database).upsert_many([_quote(1)])
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await reference_version(store.database)
    finally:
        store.close()


async def test_options_of_the_url_win() -> None:
    store = connect("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50", "omniaxs", selection_timeout_ms=60_000)
    try:
        async with asyncio.timeout(5):
            with pytest.raises(StoreUnavailable):
                await store.ping()
    finally:
        store.close()


def test_a_connection_that_nobody_uses_is_closed_unless_the_url_says_otherwise() -> None:
    ours, theirs = (
        connect("mongodb://127.0.0.1:1/", "omniaxs"),
        connect("mongodb://127.0.0.1:1/?maxIdleTimeMS=7000", "omniaxs"),
    )
    idle = [store.client.delegate.options.pool_options.max_idle_time_seconds for store in (ours, theirs)]
    ours.close()
    theirs.close()
    assert idle == [60, 7]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must begin with mongomock:// or mongodb://"),
        ("redis://127.0.0.1", "must begin with mongomock:// or mongodb://"),
        ("mongodb://", "cannot be used"),
        ("mongodb://127.0.0.1:notaport/", "cannot be used"),
        ("mongodb://a:b:c@127.0.0.1/", "cannot be used"),
    ],
)
def test_a_bad_url_is_refused_at_once(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        connect(url, "omniaxs")


class CuttableProxy:
    """Passes bytes on to `target`; `cut` breaks every connection, new ones are welcome."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.connections = 0
        self.frozen = False

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        onward_reader, onward_writer = await asyncio.open_connection(*self._target)
        self._writers += [writer, onward_writer]
        for source, sink in ((reader, onward_writer), (onward_reader, writer)):
            task = asyncio.create_task(self._pass_on(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                if self.frozen:
                    continue
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            return
        finally:
            sink.close()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def proxied(mongo_url: str, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Store, CuttableProxy]]:
    direct = connect(mongo_url, f"test_{secrets.token_hex(6)}")
    host, port = direct.address.split(":")
    proxy = CuttableProxy(host, int(port))
    through = connect(
        f"mongodb://127.0.0.1:{await proxy.start()}/?directConnection=true",
        direct.database.name,
        selection_timeout_ms=getattr(request, "param", 500),
    )
    try:
        yield through, proxy
    finally:
        through.close()
        await proxy.stop()
        await direct.client.drop_database(direct.database.name)
        direct.close()


def _quote(offset: int) -> LatestQuoteDocument:
    return LatestQuoteDocument("BTCUSDT.BINANCE", 0, offset, b"{}", 7)


@pytest.mark.mongo
@pytest.mark.parametrize("proxied", [5_000], indirect=True)
async def test_a_guarded_write_survives_a_broken_connection(proxied: tuple[Store, CuttableProxy]) -> None:
    store, proxy = proxied
    quotes = LatestQuotes(store.database)
    for offset in range(1, 6):
        assert await quotes.upsert_many([_quote(offset)]) == []
        proxy.cut()
    assert [quote.offset for quote in await quotes.all()] == [5]
    assert proxy.connections > 5


@pytest.mark.mongo
async def test_a_server_that_goes_away_is_noticed_and_found_again(proxied: tuple[Store, CuttableProxy]) -> None:
    store, proxy = proxied
    quotes = LatestQuotes(store.database)
    await quotes.upsert_many([_quote(1)])
    await proxy.stop()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await quotes.upsert_many([_quote(2)])
    with pytest.raises(StoreUnavailable, match="cannot use the database at 127"):
        await store.ping()


@pytest.mark.mongo
async def test_a_server_that_hangs_is_named_in_bounded_time(proxied: tuple[Store, CuttableProxy]) -> None:
    store, proxy = proxied
    await store.ping()
    proxy.frozen = True
    async with asyncio.timeout(3):
        with pytest.raises(StoreUnavailable, match=r"at 127.*no answer within 1\.5 s"):
            await store.ping()
    proxy.cut()
