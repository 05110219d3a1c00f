"""What no HTTP client sends: broken heads and bodies, smuggling, splitting, pipelines. Over real sockets, to a whole process.

Each gets a refusal or the end of its connection, never a 5xx; what comes after it on the connection is never taken for a
request of somebody; and the process goes on serving with nothing in its log.
"""

import asyncio
import random
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, ResponseReceived

from gateway.http.body import BODY_SECONDS
from ops.bench import flood
from ops.bench.roads import Road
from ops.bench.scale import Scale
from tests.hostile.client_frames import ends_its_connection, has_closed
from tests.hostile.conftest import TIME, Standing
from tests.hostile.crowd import HANDSHAKE
from tests.hostile.raw_http import exchanged, parsed

HEAD = 192 * 1024
"""Bytes of a head that is refused: 64 KiB and what was read at once."""
SMUGGLED = b"GET /public/v1/errors HTTP/1.1\r\nHost: hub\r\n\r\n"


@pytest.fixture(params=["hypercorn", "uvicorn", pytest.param("granian", marks=pytest.mark.long)])
def port(up: Standing, request: pytest.FixtureRequest) -> int:
    """Of REST on each of the servers that it may be on."""
    if request.param == "granian":
        return int(request.getfixturevalue("up_on_granian").rest_port)
    return up.port if request.param == "hypercorn" else up.rest_port


@pytest.fixture(autouse=True)
def still_well(up: Standing) -> Iterator[None]:
    """After each test."""
    yield
    up.assert_well()


def head(
    *lines: bytes, method: bytes = b"GET", target: bytes = b"/public/v1/time", host: bytes = b"Host: hub"
) -> bytes:
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, target), *([host] if host else []), *lines]) + b"\r\n\r\n"


MALFORMED = {
    "no request at all": b"who is there?\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x00" * 160 + b"\r\n\r\n",
    "NUL in a value": head(b"X-Note: a\x00b"),
    "a bare carriage return in a value": head(b"X-Note: a\rInjected: b"),
    "a space before the colon": head(b"X-Note : a"),
    "a name that is none": head(b"X[Note]: a"),
    "a negative length": head(b"Content-Length: -1", method=b"POST"),
    "a length with a sign": head(b"Content-Length: +1", method=b"POST"),
    "a hexadecimal length": head(b"Content-Length: 0x10", method=b"POST"),
    "two lengths": head(b"Content-Length: 5", b"Content-Length: 6", method=b"POST") + b"12345",
    "a list of lengths": head(b"Content-Length: 5, 6", method=b"POST") + b"12345",
    "an unknown transfer coding": head(b"Transfer-Encoding: xchunked", method=b"POST"),
    "transfer coding twice": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", method=b"POST"),
    "a chunk of no size": head(b"Transfer-Encoding: chunked", method=b"POST", target=b"/v1/orders") + b"zz\r\n",
    "a chunk of a negative size": head(b"Transfer-Encoding: chunked", method=b"POST", target=b"/v1/orders") + b"-1\r\n",
    "a target with a space": head(target=b"/public/v1/time and more"),
    "a target with a control character": head(target=b"/public/v1/\x01"),
    "a target that is not ASCII": head(target=b"/public/v1/\xff"),
}  # fmt: skip


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_a_broken_request_is_refused_and_its_connection_ends(port: int, data: bytes) -> None:
    answers, ended = exchanged(port, data + SMUGGLED, answers=2)

    assert all(400 <= answer.status < 500 or answer.status == 501 for answer in answers), answers
    assert len(answers) <= 1
    assert ended


STRICTER = {
    "no host": head(host=b""),
    "two hosts": head(b"Host: another"),
    "two transfer codings": head(b"Transfer-Encoding: gzip, chunked", method=b"POST") + b"0\r\n\r\n",
}


@pytest.mark.parametrize("data", STRICTER.values(), ids=STRICTER)
def test_hypercorn_refuses_more(up: Standing, data: bytes) -> None:
    """The others take these; nothing here goes by the name of the host, and all of them see the same end of the body."""
    answers, ended = up.sent(data + SMUGGLED, answers=2)

    assert [answer.status for answer in answers] in ([400], [501])
    assert ended


TOO_LARGE = {
    "one header": head(b"X-Note: " + b"x" * HEAD),
    "many headers": head(*(b"X-%d: y" % number for number in range(HEAD // 8))),
    "the target": head(target=b"/" + b"x" * HEAD),
    "a head that does not end": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (HEAD // 6 + 1),
}


@pytest.mark.parametrize("data", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_head_has_64_kib(port: int, data: bytes) -> None:
    answers, ended = exchanged(port, data, answers=2)

    assert [answer.status for answer in answers] in ([431], [])
    assert ended


def test_a_length_and_a_transfer_coding_together_end_the_connection(port: int) -> None:
    """RFC 9112, 6.1: a proxy that goes by the one and a server that goes by the other see different requests; so nothing that
    follows is heard.
    """
    both = head(b"Content-Length: 4", b"Transfer-Encoding: chunked", method=b"POST", target=b"/v1/orders")

    answers, ended = exchanged(port, both + b"0\r\n\r\n" + SMUGGLED, answers=2)

    assert [answer.status for answer in answers] in ([400], [401])
    assert ended


def test_what_follows_a_body_that_is_refused_unread_is_no_request(port: int) -> None:
    announced = head(
        b"Content-Length: 1000000", b"Content-Type: application/json", method=b"POST", target=b"/v1/orders"
    )

    answers, ended = exchanged(port, announced + SMUGGLED * 2_000, answers=2)

    assert [answer.status for answer in answers] in ([413], [401], [])
    assert ended


def test_a_pipeline_is_answered_in_order(port: int) -> None:
    targets = [b"/public/v1/time", b"/v1/orders", b"/nowhere"] * 20

    answers, _ = exchanged(port, b"".join(head(target=target) for target in targets), answers=len(targets))

    assert [answer.status for answer in answers] == [200, 401, 404] * 20


@pytest.mark.parametrize(
    "target", [b"/v1/orders/%0d%0aX-Injected:%20yes", b"/v1/quotes?symbols=%0d%0aX-Injected:%20yes"]
)
@pytest.mark.parametrize(
    "header", [b"traceparent", b"accept-language", b"origin", b"x-forwarded-for", b"idempotency-key"]
)
def test_nothing_sent_comes_back_as_a_header(port: int, target: bytes, header: bytes) -> None:
    """Splitting of answers: what is escaped in a target or stands in a header is no line of the answer's head."""
    [answer], _ = exchanged(port, head(header + b": sent%0d%0aX-Injected: yes", target=target))

    assert answer.status in {401, 404}
    assert answer.header("x-injected") == []
    assert b"sent" not in answer.head


@pytest.mark.parametrize("target", [
    b"/../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"//etc/passwd", b"/..%5c..%5cetc", b"/v1/orders/..%2f..%2fusers",
    b"/v1/orders/%00", b"http://elsewhere/v1/orders", b"/%ff%fe", b"/v1/orders;jsessionid=1", b"/" + b"a/" * 2_000,
])  # fmt: skip
def test_paths_lead_nowhere_else(port: int, target: bytes) -> None:
    [answer], _ = exchanged(port, head(target=target))

    assert answer.status in {401, 404}, answer


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"DEBUG", b"PROPFIND", b"A" * 200])
def test_other_methods_do_nothing(port: int, method: bytes) -> None:
    """TRACE above all: it would show a script the headers that it may not see."""
    answers, _ = exchanged(port, head(b"Authorization: Bearer shown-to-nobody", method=method))

    assert [answer.status for answer in answers] in ([405], [404], [400], [501])
    assert all(b"shown-to-nobody" not in answer.head + answer.body for answer in answers)


HANDSHAKES = {
    "no key": [b"Sec-WebSocket-Version: 13"],
    "an old version": [b"Sec-WebSocket-Version: 7", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
    "no version": [b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
    "a body": [b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Content-Length: 4"],
}


@pytest.mark.parametrize("lines", HANDSHAKES.values(), ids=HANDSHAKES)
def test_a_broken_handshake_is_refused(up: Standing, lines: list[bytes]) -> None:
    upgrade = [b"Upgrade: websocket", b"Connection: Upgrade"]

    answers, _ = up.sent(head(*upgrade, *lines, target=b"/v1/ws") + b"body", seconds=2)

    assert all(answer.status in {400, 426} for answer in answers), answers


def test_a_handshake_that_is_refused_leaves_no_connection(up: Standing) -> None:
    """hypercorn refuses it without a word to the application: what was opened for it would stay, or end the process."""
    upgrade = [b"Upgrade: websocket", b"Connection: Upgrade", *HANDSHAKES["a body"]]
    for _ in range(20):
        up.sent(head(*upgrade, target=b"/v1/ws") + b"body", seconds=2)

    until = time.monotonic() + 3
    while time.monotonic() < until:
        time.sleep(1.1)  # the gauge is set every second
        assert up.metric("omniaxs_websocket_connections") == 0


def test_any_bytes_after_the_handshake_close_that_connection_alone(up: Standing) -> None:
    """Frames by chance, whole ones of each kind among them: where one is broken (or says that it closes) the connection ends, and
    others go on. Frames that the protocol allows may leave it open. The process and its log are looked at afterwards.
    """
    chance = random.Random(7)  # noqa: S311  (the same frames each time)
    ended = 0
    with socket.create_connection(("127.0.0.1", up.port), timeout=5) as there:
        there.sendall(HANDSHAKE)
        assert b" 101 " in there.recv(4_096)
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", up.port), timeout=5) as opened:
                opened.sendall(HANDSHAKE)
                assert b" 101 " in opened.recv(4_096)
                sent = [_frame_by_chance(chance) for _ in range(chance.randrange(1, 12))]
                with suppress(OSError):
                    for piece in sent:
                        opened.sendall(piece)
                if ends_its_connection(b"".join(sent)):
                    assert has_closed(opened), sent
                    ended += 1
        there.sendall(b"\x89\x80\x00\x00\x00\x00")

        assert there.recv(4_096)[:1] == b"\x8a"
    assert ended > 90


def _frame_by_chance(chance: random.Random) -> bytes:
    """A masked frame with a head of some kind, or plain noise."""
    payload = chance.randbytes(chance.randrange(0, 126))
    if chance.random() < 0.2:
        return payload
    first = chance.choice((0x81, 0x82, 0x88, 0x89, 0x8A, 0x01, 0x80, 0x00, 0xC1, 0x83, 0x8F))
    size = len(payload) if chance.random() < 0.8 else chance.randrange(0, 128)
    return bytes((first, 0x80 | size)) + b"\0\0\0\0" + payload


def test_a_socket_elsewhere_is_none(up: Standing) -> None:
    key = [b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]

    [answer], _ = up.sent(head(b"Upgrade: websocket", b"Connection: Upgrade", *key, target=b"/v1/orders"))

    assert answer.status in {400, 404, 405}


SLOW = {
    "a signed write": (b"POST", b"/v1/orders"),
    "a signed write with an id": (b"PATCH", b"/v1/orders/ord_1"),
    "an open write": (b"POST", b"/public/v1/auth/login"),
}


async def test_bodies_that_drip_are_not_waited_for(up: Standing) -> None:
    """One byte a second: 10 s for the whole body, whatever comes of it meanwhile, and others are served."""
    ports = (up.port, up.rest_port)
    drips = [_dripped(port, *asked) for asked in SLOW.values() for port in ports for _ in range(15)]
    waiting = asyncio.ensure_future(asyncio.gather(*drips))
    served = 0
    while not waiting.done():
        await asyncio.to_thread(up.assert_well)
        served += 1
        await asyncio.sleep(0.5)

    found = await waiting
    assert {status for status, _ in found} == {408}
    assert max(seconds for _, seconds in found) < BODY_SECONDS + 10
    assert served > 2


async def _dripped(port: int, method: bytes, target: bytes) -> tuple[int, float]:
    """The answer to a body that comes a byte a second, and after how long it came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [
        b"Content-Type: application/json",
        b"Content-Length: 1000",
        b"X-PM-API-KEY: pmk_slow",
        b"X-PM-TIMESTAMP: 1",
    ]
    writer.write(head(*lines, b"X-PM-SIGNATURE: 0", b"Idempotency-Key: slow-body", method=method, target=target))
    began = time.monotonic()
    answer = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
    while not answer.done() and time.monotonic() < began + 30:
        writer.write(b" ")
        await asyncio.wait([answer], timeout=1)
    writer.close()
    return int((await answer)[9:12]), time.monotonic() - began


def test_signed_orders_are_answered_while_unsigned_ones_flood_in(up: Standing) -> None:
    """How fast is what `python -m ops.bench flood` tells; here, that all are accepted and the flood is refused."""
    road = Road(up.port, {"up": up.pid}, {"up": up.ops_port}, (up.trader,))
    [unsigned] = [one for one in flood.FLOODS if one.name == flood.UNSIGNED]
    for _ in range(3):  # quotes may go stale where there is no processor to spare
        found = flood.measure(road, Scale(rounds=1, seconds=0.5, warm_up=0.2), 10, [unsigned])[unsigned]
        if not found.not_accepted:
            break

    assert (found.orders, found.not_accepted) == (20, 0)
    assert found.refused.keys() == {"auth.credentials_missing"}


def test_when_descriptors_run_out_who_is_there_is_served_and_later_everyone(up: Standing) -> None:
    """The limit is lowered to what is open and 40 more; 200 try to come in."""
    open_now = len(list(Path(f"/proc/{up.pid}/fd").iterdir()))
    before = resource.prlimit(up.pid, resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        there = stack.enter_context(socket.create_connection(("127.0.0.1", up.port), timeout=10))
        assert _time_told(there)
        resource.prlimit(up.pid, resource.RLIMIT_NOFILE, (open_now + 40, before[1]))
        stack.callback(resource.prlimit, up.pid, resource.RLIMIT_NOFILE, before)
        for _ in range(200):
            stack.enter_context(socket.create_connection(("127.0.0.1", up.port), timeout=10))

        assert _time_told(there)
    until = time.monotonic() + 20
    while not up.sent(TIME, seconds=1)[0]:
        assert time.monotonic() < until


def _time_told(opened: socket.socket) -> bool:
    """Whether a connection that is kept is answered."""
    opened.sendall(TIME)
    received = b""
    while not parsed(received) and (more := opened.recv(65_536)):
        received += more
    return [answer.status for answer in parsed(received)] == [200]


def test_http_2_ends_with_its_first_stream(up: Standing) -> None:
    """So there is no rapid reset (CVE-2023-44487): 2,000 requests, each taken back as it is made."""
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    asked = [(":method", "GET"), (":path", "/v1/orders"), (":scheme", "http"), (":authority", "hub")]
    with socket.create_connection(("127.0.0.1", up.port), timeout=10) as opened:
        opened.sendall(client.data_to_send())
        for _ in range(2_000):
            stream = client.get_next_available_stream_id()
            client.send_headers(stream, asked, end_stream=True)
            client.reset_stream(stream)
            try:
                opened.sendall(client.data_to_send())
            except OSError:
                break
        received = _read_to_the_end(opened)
    events = client.receive_data(received)

    assert [type(event) for event in events if isinstance(event, ResponseReceived | ConnectionTerminated)] == [
        ConnectionTerminated
    ]


def _read_to_the_end(opened: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionError):
        while more := opened.recv(65_536):
            received += more
    return received
