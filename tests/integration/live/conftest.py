"""A gateway's WebSocket over real loopback sockets: Quart on hypercorn, a memory log, keys in a dictionary."""

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart
from websockets.asyncio.client import ClientConnection, connect

from gateway.callers import Caller, SignedRequest
from gateway.live.cancel_on_disconnect import CancelOnDisconnect
from gateway.live.hub import LiveHub
from gateway.live.limits import LiveLimits
from gateway.live.register import register_live
from gateway.live.sockets import LiveSockets
from gateway.live.transport import configure_server
from ops.runtime.clock import Clock, SystemClock
from ops.runtime.errors import HubError
from ops.runtime.languages import load_languages
from storage.log.memory import MemoryLog
from storage.log.port import Log, Message
from storage.models.latest_quotes import LatestQuoteDocument
from storage.models.tenants import ALL_SCOPES
from storage.topics import BARS, QUOTE_STATES, QUOTES, RISK_SIGNALS, TRADES, Topics

LOG_IDS = {spec.name: f"00000000-0000-7000-8000-{index:012d}" for index, spec in enumerate(Topics())}
SYMBOLS = [f"SYM{number}.TEST" for number in range(40)]
QUOTE_GROUP = "latest-quotes"


class Keys:
    """Keys by id; the signature is the SHA-256 of id and timestamp."""

    def __init__(self) -> None:
        self.callers: dict[str, Caller] = {}
        self.refused: dict[str, str] = {}
        self.add("pmk_all", scopes=ALL_SCOPES)

    def add(self, key_id: str, scopes: Sequence[str], account: str | None = "acc_1", language: str = "en-US") -> None:
        self.callers[key_id] = Caller(key_id, "ten_1", account, frozenset(scopes), language)

    async def authenticate(self, request: SignedRequest) -> Caller:
        key_id, timestamp = request.headers["x-pm-api-key"], request.headers["x-pm-timestamp"]
        assert (request.method, request.path, request.query, request.body) == ("GET", "/v1/ws", "", b"")
        if not timestamp.isdigit():
            raise HubError("auth.timestamp_invalid")
        if request.headers["x-pm-signature"] != sign(key_id, timestamp) or key_id not in self.callers:
            raise HubError("auth.signature_invalid")
        if key_id in self.refused:
            raise HubError(self.refused[key_id])
        return self.callers[key_id]

    def refusal(self, key_id: str) -> HubError | None:
        return HubError(self.refused[key_id]) if key_id in self.refused else None


class Seeds:
    """Latest-quote documents."""

    def __init__(self) -> None:
        self.documents: list[LatestQuoteDocument] = []

    async def all(self) -> list[LatestQuoteDocument]:
        return self.documents


class LoggedSignals:
    """A read model of `risk-signals` that is never behind."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def progress(self, partition: int) -> int:
        return (await self._log.bounds(RISK_SIGNALS))[partition].next - 1

    async def of(self, owner: str) -> list[bytes]:
        active: dict[str, bytes] = {}
        for partition, bounds in (await self._log.bounds(RISK_SIGNALS)).items():
            if bounds.first == bounds.next:
                continue
            async for records in self._log.read(RISK_SIGNALS, partition, bounds.first, bounds.next):
                for record in records:
                    signal = json.loads(record.value or b"")
                    if record.key == owner.encode():
                        active.pop(signal["signal_id"], None)
                        if signal["state"] == "raised":
                            active[signal["signal_id"]] = record.value or b""
        return list(active.values())


def sign(key_id: str, timestamp: str) -> str:
    return hashlib.sha256((key_id + timestamp).encode()).hexdigest()


class Client:
    """A client that speaks the protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.aside: list[dict[str, Any]] = []
        self._ids = 0

    async def ask(self, op: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send an operation and return its answer; data that comes before it is kept in `aside`."""
        self._ids += 1
        await self.socket.send(json.dumps({"op": op, "id": str(self._ids), "payload": payload or {}}))
        while True:
            message = await self.receive()
            if message.get("id") == str(self._ids):
                return message
            self.aside.append(message)

    async def auth(self, key_id: str = "pmk_all") -> dict[str, Any]:
        return await self.ask(
            "auth", {"api_key": key_id, "timestamp": "1700000000000", "signature": sign(key_id, "1700000000000")}
        )

    async def subscribe(self, *topics: str, **payload: Any) -> dict[str, Any]:
        answer = await self.ask("subscribe", {"topics": list(topics), **payload})
        assert answer["ok"], answer
        entries: dict[str, Any] = answer["payload"]["topics"]
        return entries

    async def receive(self, seconds: float = 10) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            message: dict[str, Any] = json.loads(await self.socket.recv())
        return message

    async def take(self, count: int, seconds: float = 10) -> list[dict[str, Any]]:
        return [await self.receive(seconds) for _ in range(count)]

    async def until(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 20) -> list[dict[str, Any]]:
        """All messages up to the first that is wanted, that one included."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(seconds):
            while not (found and wanted(found[-1])):
                found.append(json.loads(await self.socket.recv()))
        return found

    async def silent(self, seconds: float) -> None:
        with suppress(TimeoutError):
            message = await self.receive(seconds)
            raise AssertionError(f"not silent: {message}")


class Gateway:
    """One running gateway process's WebSocket."""

    def __init__(self, hub: LiveHub, sockets: LiveSockets, port: int) -> None:
        self.hub, self.sockets, self.port = hub, sockets, port
        self.url = f"ws://127.0.0.1:{port}/v1/ws"

    @asynccontextmanager
    async def client(self, key_id: str | None = "pmk_all", **options: Any) -> AsyncIterator[Client]:
        async with connect(self.url, max_size=None, ping_interval=None, **options) as opened:
            client = Client(opened)
            if key_id is not None:
                assert (await client.auth(key_id))["ok"]
            yield client


class World:
    """A log, keys and seeds that several gateways may share, and words to put records on the log."""

    def __init__(self, log: Log, topics: Topics) -> None:
        self.log, self.topics = log, topics
        self.keys, self.seeds = Keys(), Seeds()
        self.log_ids = dict(LOG_IDS)

    @asynccontextmanager
    async def gateway(
        self,
        limits: LiveLimits | None = None,
        clock: Clock | None = None,
        switches: CancelOnDisconnect | None = None,
        **options: Any,
    ) -> AsyncIterator[Gateway]:
        clock = clock or SystemClock()
        hub = LiveHub(
            self.log, self.topics, log_ids=self.log_ids, latest_quotes=self.seeds, quote_group=QUOTE_GROUP, clock=clock,
            limits=limits, **{"signals": LoggedSignals(self.log), **options},
        )  # fmt: skip
        await hub.start()
        reference = SimpleNamespace(instruments=MappingProxyType(dict.fromkeys(SYMBOLS)))
        sockets = LiveSockets(
            hub, self.keys, reference=lambda: reference, languages=load_languages(), clock=clock,  # type: ignore[arg-type,return-value]
            cancel_on_disconnect=switches,
        )  # fmt: skip
        sockets.start()
        app = Quart(__name__)
        register_live(app, sockets, lambda scope: scope["client"][0])
        async with _served(app, hub.limits) as port:
            yield Gateway(hub, sockets, port)
            await sockets.drain(0)
        await sockets.stop()
        await hub.stop()

    async def quotes(self, *updates: tuple[str, int]) -> None:
        """Append quotes: symbol and the number that stands as `last`."""
        await self.log.append_many(
            QUOTES, [Message(symbol.encode(), quote(symbol, number)) for symbol, number in updates]
        )

    async def trades(self, *updates: tuple[str, int]) -> None:
        await self.log.append_many(
            TRADES, [Message(symbol.encode(), trade(symbol, number)) for symbol, number in updates]
        )

    async def state(self, symbol: str, feed_state: str) -> None:
        value = _json(symbol=symbol, feed_state=feed_state, session_state="open", since="t", ts="t")
        await self.log.append(QUOTE_STATES, Message(symbol.encode(), value))

    async def bar(self, symbol: str, timeframe: str, number: int) -> None:
        value = _json(symbol=symbol, timeframe=timeframe, c=str(number))
        await self.log.append(BARS, Message(symbol.encode(), value, (("timeframe", timeframe.encode()),)))

    async def signal(self, key: str, signal_id: str, state: str) -> None:
        value = _json(signal_id=signal_id, code="feed_stale", severity="warning", state=state)
        await self.log.append(RISK_SIGNALS, Message(key.encode(), value))


def _json(**fields: Any) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def quote(symbol: str, number: int, padding: int = 60) -> bytes:
    return _json(symbol=symbol, venue="TEST", last=str(number), ts_in="2024-08-08T00:00:00.5Z", padding="x" * padding)


def trade(symbol: str, number: int, padding: int = 60) -> bytes:
    return _json(symbol=symbol, venue="TEST", venue_seq=number, price="1", quantity="1", padding="x" * padding)


@asynccontextmanager
async def _served(app: Quart, limits: LiveLimits) -> AsyncIterator[int]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    config = Config()
    port = int(listener.getsockname()[1])
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = config.accesslog = None
    config.graceful_timeout = 3
    configure_server(config, limits)
    stop = asyncio.Event()
    trigger: Callable[[], Awaitable[Any]] = stop.wait
    server = asyncio.create_task(serve(app, config, shutdown_trigger=trigger))  # type: ignore[arg-type]
    try:
        yield port
    finally:
        stop.set()
        await server


@pytest.fixture
def topics() -> Topics:
    return Topics({"quotes": 4, "quote-states": 4, "venue-requests": 4, "venue-reports": 4, "trades": 4, "bars": 4})


@pytest.fixture
async def world(topics: Topics) -> AsyncIterator[World]:
    log = MemoryLog(topics)
    yield World(log, topics)
    await log.close()


async def _eventually(check: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110  (what is waited for tells nobody)
            await asyncio.sleep(0.01)


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """Waits until a check holds; fails after some seconds."""
    return _eventually


class RawClient:
    """A client that reads and answers only when told to: frames by hand over a plain socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def open(self) -> None:
        self.writer.write(
            b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head

    def send(self, opcode: int, payload: bytes) -> None:
        size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
        self.writer.write(bytes([0x80 | opcode]) + size + b"\0\0\0\0" + payload)

    def ask(self, op: str, payload: dict[str, Any]) -> None:
        self.send(1, json.dumps({"op": op, "id": op, "payload": payload}).encode())

    def pong(self) -> None:
        self.send(10, b"")

    async def start(self, *topics: str, **payload: Any) -> None:
        """Authenticate and subscribe; the answers are read."""
        timestamp = "1700000000000"
        self.ask("auth", {"api_key": "pmk_all", "timestamp": timestamp, "signature": sign("pmk_all", timestamp)})
        assert json.loads((await self.frame())[1])["ok"]
        if topics:
            self.ask("subscribe", {"topics": list(topics), **payload})
            assert json.loads((await self.frame())[1])["ok"]

    async def frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame."""
        head = await self.reader.readexactly(2)
        assert not head[1] & 0x80, "a server's frame is not masked"
        size = head[1]
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await self.reader.readexactly(8), "big")
        return head[0] & 0x0F, await self.reader.readexactly(size)

    async def message(self) -> dict[str, Any]:
        """The next text message; pings are answered."""
        while True:
            opcode, payload = await self.frame()
            if opcode == 9:
                self.pong()
            else:
                assert opcode == 1, (opcode, payload)
                message: dict[str, Any] = json.loads(payload)
                return message

    async def close_code(self) -> int:
        """Reads to the close frame and answers it."""
        while True:
            opcode, payload = await self.frame()
            if opcode == 8:
                self.send(8, payload)
                return int.from_bytes(payload[:2], "big")


@asynccontextmanager
async def raw_client(port: int, receive_buffer: int | None = None) -> AsyncIterator[RawClient]:
    """A raw connection; `receive_buffer` bounds what the kernel takes for it while nobody reads."""
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=4096)
    client = RawClient(reader, writer)
    await client.open()
    try:
        yield client
    finally:
        writer.close()


@pytest.fixture
def raw() -> Callable[..., Any]:
    return raw_client
