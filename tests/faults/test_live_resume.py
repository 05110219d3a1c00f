"""A subscriber of `trades.*` whose gateway is killed resumes on the other: its (shard, seq) are complete, none twice."""

import asyncio
import json
import os
import random
import secrets
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from storage.log.kafka import KafkaLog
from storage.log.port import Message
from storage.log.topics_admin import apply_topics
from storage.topics import TRADES, Topics
from tests.faults.report import Round, reported

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
ALL = os.environ.get("FAULTS") == "all"
TRADES_WANTED = 400_000 if ALL else 100_000
KILLS = 12 if ALL else 3
SEED = 7
BATCH = 250
PARTITIONS = {TRADES: 4}


class Identities:
    """Log identities in a dictionary."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    async def get_all(self) -> dict[str, str]:
        return dict(self.held)

    async def put_if_absent(self, topic: str, log_id: str) -> str:
        return self.held.setdefault(topic, log_id)

    async def replace(self, topic: str, log_id: str) -> None:
        self.held[topic] = log_id


class Gateway:
    """A gateway process that can be killed and started again."""

    def __init__(self, broker: str, prefix: str) -> None:
        self._arguments = (broker, prefix)
        self.process: asyncio.subprocess.Process | None = None
        self.url = ""

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).parent / "live_gateway.py"),
            *self._arguments,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self.process.stdout is not None
        word, port = (await asyncio.wait_for(self.process.stdout.readline(), 30)).split()
        assert word == b"ready"
        self.url = f"ws://127.0.0.1:{int(port)}/v1/ws"

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


class Follower:
    """Follows `trades.*`, resuming with what it has; raises on anything that comes twice or out of order."""

    def __init__(self) -> None:
        self.resume: dict[str, object] | None = None
        self.positions: dict[str, int] = {}
        self.first: dict[str, int] = {}
        self.seqs: dict[str, list[int]] = defaultdict(list)
        self.count = 0
        self.listening = asyncio.Event()

    async def follow(self, url: str) -> None:
        """Until the connection ends."""
        with suppress(WebSocketException, OSError):
            async with connect(url, max_size=None, ping_interval=None, max_queue=1_000) as socket:
                await self._subscribe(socket)
                async for text in socket:
                    self._take(json.loads(text))

    async def _subscribe(self, socket: ClientConnection) -> None:
        await socket.send(
            json.dumps({"op": "auth", "id": "1", "payload": {"api_key": "k", "timestamp": "1", "signature": "s"}})
        )
        assert json.loads(await socket.recv())["ok"]
        payload: dict[str, object] = {"topics": ["trades.*"], "snapshot": False}
        if self.resume is not None:
            payload["resume"] = {"trades.*": {**self.resume, "positions": self.positions}}
        await socket.send(json.dumps({"op": "subscribe", "id": "2", "payload": payload}))
        entry = json.loads(await socket.recv())["payload"]["topics"]["trades.*"]
        assert entry["recovered"] is (self.resume is not None), entry
        if self.resume is None:
            self.positions, self.first = dict(entry["positions"]), dict(entry["positions"])
        assert entry["positions"] == self.positions
        self.resume = {"log_id": entry["log_id"]}
        self.listening.set()

    def _take(self, message: dict[str, object]) -> None:
        if message["type"] != "update":
            assert message["type"] in {"position", "lagging"}, message
            return
        shard, seq = str(message["shard"]), int(str(message["seq"]))
        assert seq > self.positions[shard], "neither twice nor out of order"
        self.positions[shard] = seq
        self.seqs[shard].append(seq)
        self.count += 1


@asynccontextmanager
async def two_gateways(broker: str, prefix: str) -> AsyncIterator[list[Gateway]]:
    gateways = [Gateway(broker, prefix), Gateway(broker, prefix)]
    try:
        await asyncio.gather(*(gateway.start() for gateway in gateways))
        yield gateways
    finally:
        await asyncio.gather(*(gateway.kill() for gateway in gateways))


async def test_a_subscriber_whose_gateway_is_killed_misses_nothing_and_gets_nothing_twice(kafka_address: str) -> None:
    chance = random.Random(SEED)  # noqa: S311  (repeatable points, no secrets)
    prefix = f"live-{secrets.token_hex(4)}-"
    log = KafkaLog(kafka_address, Topics(PARTITIONS, prefix=prefix))
    await log.start()
    try:
        await apply_topics(log, log.topics, Identities())
        async with two_gateways(kafka_address, prefix) as gateways:
            follower = Follower()
            publishing = asyncio.create_task(_publish(log, follower.listening))
            points = sorted(chance.uniform(0.02, 0.9) for _ in range(KILLS))
            with reported("live resume", SEED) as found:
                await _killed_at(follower, gateways, [round(point * TRADES_WANTED) for point in points], found)
                ends = await publishing
                last = asyncio.create_task(follower.follow(gateways[KILLS % 2].url))
                async with asyncio.timeout(120):
                    while not _complete(follower, ends):
                        assert not last.done()
                        await asyncio.sleep(0.05)
                last.cancel()
                await asyncio.gather(last, return_exceptions=True)
                for shard, end in ends.items():
                    assert follower.seqs[shard] == list(range(follower.first[shard] + 1, end))
                assert follower.count >= TRADES_WANTED
    finally:
        await log.close()


async def _killed_at(follower: Follower, gateways: list[Gateway], points: list[int], found: Round) -> None:
    """Follow on one gateway until so many trades have come, kill it, go on at the other, start the first again."""
    for number, point in enumerate(points):
        gateway = gateways[number % 2]
        following = asyncio.create_task(follower.follow(gateway.url))
        async with asyncio.timeout(120):
            while follower.count < point:
                assert not following.done(), following
                await asyncio.sleep(0.005)
        found.add("SIGKILL live gateway", f"gateway-{number % 2}")
        await gateway.kill()
        await following
        if number + 2 <= len(points):
            gateways[number % 2] = again = Gateway(*gateway._arguments)
            await again.start()


def _complete(follower: Follower, ends: dict[str, int]) -> bool:
    return all(follower.positions.get(shard) == end - 1 for shard, end in ends.items())


async def _publish(log: KafkaLog, listening: asyncio.Event) -> dict[str, int]:
    """Trades of 40 symbols, beginning once somebody listens; the end of each shard."""
    await listening.wait()
    value = b'{"symbol":"%b","venue":"TEST","venue_seq":%d,"price":"100.25","quantity":"3","ts":"2024-08-08T00:00:00Z"}'
    for start in range(0, TRADES_WANTED, BATCH):
        symbols = [b"SYM%d.TEST" % (number % 40) for number in range(start, start + BATCH)]
        await log.append_many(
            TRADES, [Message(symbol, value % (symbol, start + index)) for index, symbol in enumerate(symbols)]
        )
        await asyncio.sleep(0.01)
    return {f"{TRADES}-{number}": bounds.next for number, bounds in (await log.bounds(TRADES)).items()}
