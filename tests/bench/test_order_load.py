"""The load of orders is open: what a server does late is in the time of every order that was due meanwhile."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from ops.bench import order_load
from ops.bench.order_load import OrderLoad, Placed, Trader, achieved_rate, unanswered

MILLISECOND = 1_000_000
ACCEPTED = b"HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\n{}"


class Stalling(socketserver.ThreadingTCPServer):
    """Accepts every order; as long as `answering` is not set it reads them and says nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.answering = threading.Event()
        self.answering.set()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Answering(socketserver.BaseRequestHandler):
    """One connection. A request is sent in one piece, and the next one after its answer."""

    server: Stalling

    def handle(self) -> None:
        with suppress(OSError):
            while self.request.recv(65_536):
                self.server.answering.wait(10)
                self.request.sendall(ACCEPTED)


@pytest.fixture
def server() -> Iterator[Stalling]:
    with Stalling() as serving:
        threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield serving
        serving.answering.set()
        serving.shutdown()


@pytest.fixture
def load(server: Stalling) -> Iterator[OrderLoad]:
    made = OrderLoad(server.port, [Trader("acc_1", "ten_1", "pmk_1", "secret")], "1.0", listen=False, connections=2)
    yield made
    made.close()


def test_orders_that_wait_for_a_connection_are_timed_from_when_they_were_due(server: Stalling, load: OrderLoad) -> None:
    server.answering.clear()
    threading.Timer(0.3, server.answering.set).start()

    placed = load.run(100, 0.3)

    assert [one.due - placed[0].due for one in placed] == [number * 10 * MILLISECOND for number in range(30)]
    assert [one.code for one in placed] == ["ok"] * 30
    assert sum(one.answered - one.sent > 100 * MILLISECOND for one in placed) < 10
    assert sum(one.answer_time > 100 * MILLISECOND for one in placed) >= 15
    assert placed[0].answer_time > placed[15].answer_time > placed[29].answer_time


def test_orders_without_an_answer_count_with_the_time_until_the_end(
    server: Stalling, load: OrderLoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_load, "_PATIENCE_SECONDS", 0.2)
    server.answering.clear()

    placed = load.run(50, 0.1)
    server.answering.set()
    monkeypatch.undo()
    later = load.run(50, 0.1)

    assert unanswered(placed) == 5
    assert all(one.answer_time >= 200 * MILLISECOND for one in placed)
    assert placed[0].answer_time > placed[4].answer_time
    assert sum(bool(one.sent) for one in placed) == 2
    assert [one.code for one in later] == ["ok"] * 5
    assert unanswered(later) == 0


def test_a_connection_that_its_server_has_ended_is_opened_again(
    server: Stalling, load: OrderLoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    def once(answering: Answering) -> None:
        if answering.request.recv(65_536):
            answering.request.sendall(ACCEPTED)

    monkeypatch.setattr(Answering, "handle", once)
    load.run(100, 0.02)
    time.sleep(0.05)

    assert [one.code for one in load.run(20, 0.2)] == ["ok"] * 4


def test_the_achieved_rate_is_of_the_orders_as_they_were_sent() -> None:
    on_time = [Placed(number * 10 * MILLISECOND, sent=number * 10 * MILLISECOND + 1) for number in range(11)]
    late = [*on_time[:10], Placed(100 * MILLISECOND, sent=200 * MILLISECOND)]
    left = [*on_time[:6], *(Placed(one.due) for one in on_time[6:])]

    assert achieved_rate(on_time) == pytest.approx(100, rel=1e-6)
    assert achieved_rate(late) == pytest.approx(50)
    assert achieved_rate(left) == pytest.approx(100, rel=1e-6)
    assert achieved_rate(on_time[:1]) is None


def test_a_frame_counts_as_an_answer_does_and_nobody_is_told_of_a_refused_order() -> None:
    told = Placed(10, sent=20, answered=40, told=50, code="ok", ended=100)
    not_told = Placed(10, sent=20, answered=40, code="ok", ended=100)
    refused = Placed(10, sent=20, answered=40, code="risk.collar", ended=100)

    assert (told.frame_time, not_told.frame_time, refused.frame_time) == (40, 90, None)
    assert Placed(10, ended=100).frame_time == 90
