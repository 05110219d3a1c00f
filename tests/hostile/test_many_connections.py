"""10,000 clients and subscriptions before one gateway process, which goes on trading meanwhile and forgets them when they go."""

import os
import time

import pytest

from ops.bench.cpu import resident_bytes
from ops.bench.order_load import OrderLoad
from tests.hostile.conftest import Standing, started
from tests.hostile.crowd import Crowd

CLIENTS = int(os.environ.get("HOSTILE_CLIENTS", "10000"))
TOPICS_EACH = 4
MOST_BYTES_EACH = 128 * 1024
"""An idle connection is 38 KB (docs/benchmarks.md); here it is served, and the log of the process grows meanwhile."""
CONNECTIONS = "omniaxs_websocket_connections"


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_thousand_clients_are_served_and_forgotten(tmp_path) -> None:
    wide = {"OMNIAXS_CONNECTIONS_PER_KEY": "100000", "OMNIAXS_LOG_LEVEL": "error"}
    with started(tmp_path, wide) as up:
        crowd = Crowd(up.port, up.trader.key_id, up.trader.secret)
        orders = OrderLoad(up.port, [up.trader], "1.0", listen=False)
        symbols = [one["symbol"] for one in up.data("/v1/markets")["items"]]
        _join(crowd, 100, symbols)
        before, began = resident_bytes(up.pid), time.monotonic()
        _join(crowd, CLIENTS, symbols)
        opened = time.monotonic() - began
        crowd.messages.clear()
        crowd.attend(90, until=lambda: len(crowd.messages) == CLIENTS)
        each = (resident_bytes(up.pid) - before) / (CLIENTS - 100)
        placed = orders.run(5, 4)

        answered = sorted(one.answer_time for one in placed)[len(placed) // 2] / 1e6
        print(  # noqa: T201  (the figures, with -s)
            f"\n{len(crowd)} clients, {TOPICS_EACH} topics each, opened in {opened:.0f} s; {each / 1024:.1f} KiB a client; "
            f"an order is answered in {answered:.1f} ms (median)"
        )
        assert dict(crowd.closed) == {}
        assert len(crowd.messages) == CLIENTS
        assert crowd.pings > 0
        assert up.metric(CONNECTIONS) == CLIENTS
        assert each < MOST_BYTES_EACH
        assert all(one.answered for one in placed)
        crowd.leave()
        _until_nobody_is_connected(up)
        up.assert_well()


def _join(crowd: Crowd, count: int, symbols: list[str]) -> None:
    """Until `count` are there; those that are there are attended to meanwhile."""
    while len(crowd) < count:
        first = len(crowd) * TOPICS_EACH
        crowd.join(*{f"trades.{symbols[(first + index) % len(symbols)]}" for index in range(TOPICS_EACH)})
        if len(crowd) % 10 == 0:
            crowd.attend(0)


def _until_nobody_is_connected(up: Standing) -> None:
    until = time.monotonic() + 60
    while up.metric(CONNECTIONS):
        assert time.monotonic() < until, "connections whose clients are gone are still there"
        time.sleep(0.5)
