"""Clients cannot tell which server their REST came through, and neither can slow or hostile ones: over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from quart import Response

from gateway.http.body import BODY_BYTES
from ops.processes import rest_on_granian, rest_on_uvicorn
from ops.processes.serving import HEAD_BYTES, UnsupportedServer, listen, port_of, require_version, serve_until
from ops.runtime.clock import SystemClock
from ops.runtime.settings import Settings
from tests.contract.conftest import Gateway, make_gateway
from tests.integration.http.raw_http import RawAnswer, RawConnection, request_bytes

pytestmark = pytest.mark.asyncio(loop_scope="module")
SERVERS = {
    "hypercorn": serve_until,
    "granian": rest_on_granian.serve_rest_until,
    "uvicorn": rest_on_uvicorn.serve_rest_until,
}
HEAD_SECONDS = 1.5
BODY_SECONDS = 1.0
QUOTES = "/v1/quotes?symbols=AAPL.US"
ORDER = json.dumps({"symbol": "AAPL.US", "side": "buy", "type": "limit", "quantity": "1"}).encode()  # without its price


@dataclass
class Place:
    """A gateway that is served, with a route that waits for `released`."""

    gateway: Gateway
    port: int
    stop: asyncio.Event
    served: asyncio.Task[None]
    entered: asyncio.Event
    released: asyncio.Event

    async def connection(self) -> RawConnection:
        return await RawConnection.opened(self.port)

    async def answer(self, request: bytes) -> RawAnswer:
        connection = await self.connection()
        connection.send(request)
        answer = await connection.answer(has_body=not request.startswith(b"HEAD"))
        connection.close()
        return answer

    def signed(self, method: str, target: str, body: bytes = b"", key: str = "", **headers: str) -> bytes:
        path, _, query = target.partition("?")
        own = {"Idempotency-Key": key} if key else {}
        typed = {"Content-Type": "application/json"} if body else {}
        signature = self.gateway.signed_headers(method, path, query, body=body, idempotency_key=key)
        return request_bytes(method, target, {**signature, **own, **typed, **headers}, body)


@dataclass
class House:
    """A gateway that is served again in each test, and the gates of its route that waits."""

    gateway: Gateway
    server: str
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def waits(self) -> Response:
        self.entered.set()
        await self.released.wait()
        return Response("waited")


@pytest.fixture(scope="module", params=SERVERS)
def house(request: pytest.FixtureRequest) -> House:
    settings = Settings(_env_file=None, trusted_proxy_hops=1, public_requests_per_minute=1)
    house = House(make_gateway(SystemClock(), settings), request.param)
    house.gateway.app.asgi_app.body_seconds = house.gateway.app.config["BODY_TIMEOUT"] = BODY_SECONDS
    house.gateway.app.add_url_rule("/test/waits", "waits", house.waits)
    return house


@asynccontextmanager
async def served(house: House, drain_seconds: float) -> AsyncIterator[Place]:
    house.entered, house.released, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
    listener = listen("127.0.0.1", 0)
    port = port_of(listener)
    serve = SERVERS[house.server](
        house.gateway.app, listener, stop, drain_seconds=drain_seconds, head_seconds=HEAD_SECONDS
    )
    serving = asyncio.create_task(serve)
    yield Place(house.gateway, port, stop, serving, house.entered, house.released)
    stop.set()
    house.released.set()
    await serving
    if left := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(left, timeout=1)
    listener.detach()  # the server has closed it


@pytest_asyncio.fixture(loop_scope="module")
async def place(house: House) -> AsyncIterator[Place]:
    async with served(house, 10) as place:
        yield place


@pytest_asyncio.fixture(loop_scope="module")
async def hasty_place(house: House) -> AsyncIterator[Place]:
    """It waits half a second for what is running when it stops."""
    async with served(house, 0.5) as place:
        yield place


def code_of(answer: RawAnswer) -> str:
    return str(json.loads(answer.body)["error"]["code"])


async def test_a_signed_read_and_its_header_fields(place: Place) -> None:
    answer = await place.answer(place.signed("GET", QUOTES))

    assert (answer.status, json.loads(answer.body)["success"]) == (200, True)
    fields = set(answer.fields) - {"date", "server"}
    assert fields == {
        "content-type", "content-language", "content-length", "content-security-policy", "x-trace-id", "x-server-time",
        "cache-control", "x-content-type-options", "x-frame-options", "referrer-policy", "x-ratelimit-limit",
        "x-ratelimit-remaining", "x-ratelimit-reset",
    }  # fmt: skip


async def test_requests_of_one_connection_are_answered_in_their_order(place: Place) -> None:
    connection = await place.connection()
    connection.send(place.signed("GET", QUOTES) + place.signed("GET", "/v1/nothing") + place.signed("GET", QUOTES))

    assert [(await connection.answer()).status for _ in range(3)] == [200, 404, 200]
    connection.send(request_bytes("GET", QUOTES, {}))
    assert (await connection.answer()).status == 401
    connection.close()


async def test_a_signed_write_is_judged_by_its_bytes(place: Place) -> None:
    written = place.signed("POST", "/v1/orders", ORDER, "0123456789")
    half = len(written) - 20
    connection = await place.connection()
    connection.send(written[:half])
    await asyncio.sleep(0.05)
    connection.send(written[half:])

    answer = await connection.answer()
    connection.close()
    assert (answer.status, code_of(answer)) == (422, "request.invalid")
    other = await place.answer(written[:-1] + b" ")
    assert (other.status, code_of(other)) == (401, "auth.signature_invalid")


async def test_the_path_is_signed_as_it_was_sent(place: Place) -> None:
    answer = await place.answer(place.signed("GET", "/v1/orders/%61%2Fb?x=%20"))
    unescaped = await place.answer(place.signed("GET", "/v1/%71uotes?symbols=AAPL.US"))

    assert (answer.status, code_of(answer)) in {(404, "order.not_found"), (404, "route.not_found")}
    assert unescaped.status == 200


async def test_a_chunked_body_is_the_same_body(place: Place) -> None:
    head, _, body = place.signed("POST", "/v1/orders", ORDER, "0123456789").partition(b"\r\n\r\n")
    head = head.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"

    answer = await place.answer(head + b"\r\n\r\n" + chunks)

    assert (answer.status, code_of(answer)) == (422, "request.invalid")


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/orders"), ("PATCH", "/v1/orders/ord_1")])
async def test_a_body_that_is_too_large_or_does_not_come(place: Place, method: str, path: str) -> None:
    too_large = await place.answer(place.signed(method, path, b" " * (BODY_BYTES + 1), "0123456789"))
    slow = await place.answer(place.signed(method, path, ORDER, "0123456789")[:-3])

    assert (too_large.status, code_of(too_large)) == (413, "request.too_large")
    assert (slow.status, code_of(slow)) == (408, "request.timeout")


async def test_a_client_that_goes_away_in_its_body_harms_nobody(place: Place) -> None:
    connection = await place.connection()
    connection.send(place.signed("POST", "/v1/orders", ORDER, "0123456789")[:-3])
    await asyncio.sleep(0.05)
    connection.close()

    assert (await place.answer(place.signed("GET", QUOTES))).status == 200


async def test_a_head_that_is_too_large_is_refused_and_one_below_is_not(place: Place) -> None:
    large = place.signed("GET", QUOTES, **{"X-Filler": "x" * (HEAD_BYTES - 2_000)})
    too_large = place.signed("GET", QUOTES, **{"X-Filler": "x" * (3 * HEAD_BYTES)})

    assert (await place.answer(large)).status == 200
    assert (await place.answer(too_large)).status == 431


@pytest.mark.parametrize(
    "sent", [b"", b"GET /v1/quotes HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=["nothing", "half a head"]
)
async def test_who_sends_no_whole_head_is_cut_off(place: Place, sent: bytes) -> None:
    first, second = await place.connection(), await place.connection()
    first.send(sent)
    second.send(place.signed("GET", QUOTES))
    assert (await second.answer()).status == 200
    second.send(sent)

    assert await first.ended()
    assert await second.ended()


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /v1/quotes HTTP/1.1\r\nHost: x\r\nX-One: a\x00b\r\n\r\n",
        b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ],
    ids=["no request", "a control character", "two lengths", "a negative length"],
)
async def test_what_is_no_http_is_refused(place: Place, sent: bytes) -> None:
    connection = await place.connection()
    connection.send(sent)

    assert (await connection.answer()).status == 400
    assert await connection.ended()


async def test_methods(place: Place) -> None:
    wrong = await place.answer(request_bytes("DELETE", "/v1/quotes", {}))
    head = await place.answer(place.signed("HEAD", QUOTES))
    websocket = await place.answer(request_bytes("GET", "/v1/ws", {}))

    assert (wrong.status, set(wrong.fields["allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert (head.status, head.body) == (200, b"")
    assert (websocket.status, code_of(websocket)) == (404, "route.not_found")  # where there is no WebSocket at all


async def test_the_callers_address_is_the_one_that_the_proxy_saw(place: Place) -> None:
    def asked(forwarded: str) -> bytes:
        return request_bytes("GET", "/public/v1/time", {"X-Forwarded-For": forwarded})

    answers = [await place.answer(asked(seen)) for seen in ("203.0.113.1", "203.0.113.2", "1.1.1.1, 203.0.113.1")]

    assert [answer.status for answer in answers] == [200, 200, 429]


async def refuses(place: Place) -> bool:
    """Whether nobody new is let in, at the latest a second from now."""
    for _ in range(100):
        try:
            (await place.connection()).close()
        except ConnectionError:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_a_stop_lets_running_requests_end(place: Place) -> None:
    running, resting = await place.connection(), await place.connection()
    resting.send(place.signed("GET", QUOTES))
    assert (await resting.answer()).status == 200
    running.send(request_bytes("GET", "/test/waits", {}))
    await place.entered.wait()

    place.stop.set()
    assert await resting.ended()
    assert await refuses(place)
    place.released.set()

    assert (await running.answer()).body == b"waited"
    await asyncio.wait_for(place.served, 2)


async def test_a_stop_waits_only_so_long(hasty_place: Place) -> None:
    connection = await hasty_place.connection()
    connection.send(request_bytes("GET", "/test/waits", {}))
    await hasty_place.entered.wait()

    hasty_place.stop.set()

    await asyncio.wait_for(hasty_place.served, 3)
    connection.close()


async def test_another_version_is_refused_in_words() -> None:
    require_version("granian", rest_on_granian.GRANIAN, "for a reason")
    require_version("uvicorn", rest_on_uvicorn.UVICORN, "for a reason")

    with pytest.raises(
        UnsupportedServer, match=r"OMNIAXS_REST_SERVER=granian needs granian 9\.9\.9, for a reason; 2\."
    ):
        require_version("granian", "9.9.9", "for a reason")
