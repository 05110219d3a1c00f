"""Pings, pongs and position messages: by a clock moved by hand, and once by the real one."""

import asyncio
import time

import pytest

from gateway.live.limits import LiveLimits
from ops.runtime.clock import ManualClock

pytestmark = pytest.mark.quiet

SYMBOLS = [f"SYM{number}.TEST" for number in range(40)]


async def test_a_client_that_never_pongs_is_closed_with_4408_between_29_and_32_seconds(world, raw):
    """On the real clock; the other one answers its pings and stays."""
    async with world.gateway() as gateway, raw(gateway.port) as silent, gateway.client() as other:
        begun = time.monotonic()
        await silent.start()
        opcode, _ = await asyncio.wait_for(silent.frame(), 25)
        assert opcode == 9
        assert 19.5 < time.monotonic() - begun < 21.5
        silent.ask("ping", {})
        silent.send(9, b"mine")
        assert await asyncio.wait_for(silent.close_code(), 15) == 4408
        assert 29 < time.monotonic() - begun < 32
        assert (await other.ask("ping"))["ok"]


async def test_pings_come_every_twenty_seconds_and_pongs_keep_the_connection(world, raw):
    clock = ManualClock()
    async with world.gateway(clock=clock) as gateway, raw(gateway.port) as client:
        await client.start()
        for _ in range(4):
            clock.advance(19)
            gateway.sockets.turn(clock.monotonic())
            clock.advance(1.5)
            opcode, payload = await asyncio.wait_for(client.frame(), 3)
            assert (opcode, payload) == (9, b"")
            client.pong()
            client.ask("ping", {})
            assert (await asyncio.wait_for(client.frame(), 3))[0] == 1, "the pong was taken before"
            gateway.sockets.turn(clock.monotonic())
        assert len(gateway.sockets) == 1


async def test_a_write_buffer_that_does_not_move_for_a_minute_closes_with_4413(world, raw):
    clock = ManualClock()
    async with (
        world.gateway(LiveLimits(slow_bytes=16 * 1024), clock=clock) as gateway,
        raw(gateway.port, receive_buffer=4 * 1024) as stuck,
    ):
        await stuck.start("quotes.*")
        for number in range(300):
            await world.quotes(*((symbol, number) for symbol in SYMBOLS[:20]))
        (connection,) = list(gateway.sockets._connections)
        assert connection.client.buffered() > 0
        for second in range(59):
            gateway.sockets.turn(clock.monotonic())
            assert not connection.client.closed, second
            clock.advance(1)
        clock.advance(2)
        gateway.sockets.turn(clock.monotonic())
        assert connection.client.closed
        assert await asyncio.wait_for(stuck.close_code(), 10) == 4413


async def test_a_client_that_does_not_take_the_close_is_dropped_after_five_seconds(world, raw, eventually):
    clock = ManualClock()
    async with world.gateway(clock=clock) as gateway, raw(gateway.port) as client:
        await client.start()
        (connection,) = list(gateway.sockets._connections)
        connection.close(4413)
        clock.advance(4)
        gateway.sockets.turn(clock.monotonic())
        assert len(gateway.sockets) == 1
        clock.advance(1.5)
        gateway.sockets.turn(clock.monotonic())
        await eventually(lambda: len(gateway.sockets) == 0)


async def test_positions_are_brought_up_to_date_every_twenty_seconds_quiet_shards_included(world):
    clock = ManualClock()
    async with world.gateway(clock=clock) as gateway, gateway.client() as client:
        entries = await client.subscribe("trades.*", "bars.1m.SYM1.TEST", "orders.*")
        await world.trades((SYMBOLS[1], 1), (SYMBOLS[2], 2))
        await client.take(2)
        clock.advance(20.5)
        message = await client.receive()
        assert message["type"] == "position"
        expected = dict(entries["trades.*"]["positions"])
        for symbol in (SYMBOLS[1], SYMBOLS[2]):
            expected[f"trades-{world.topics.partition('trades', symbol.encode())}"] += 1
        assert message["topics"]["trades.*"] == {"log_id": world.log_ids["trades"], "positions": expected}
        assert set(expected) == {f"trades-{number}" for number in range(4)}
        assert set(message["topics"]) == {"trades.*", "bars.1m.SYM1.TEST", "orders.*"}
        assert message["topics"]["orders.*"]["positions"] == entries["orders.*"]["positions"]
        clock.advance(20.5)
        assert (await client.receive())["type"] == "position"
