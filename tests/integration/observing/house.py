"""Everything of `omniaxs up` over any log and store, without its feed: what its figures are held against can be reached."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from gateway.callers import Principal, SignedRequest
from gateway.http.calls import BearerCall
from gateway.http.signing import signature_of, string_to_sign
from ops.processes.demo import create_demo
from ops.processes.gateway_parts import Gateway, close_gateway, open_gateway
from ops.processes.heartbeat import HeartbeatTask
from ops.processes.job_parts import open_workers
from ops.processes.lifetime import Background
from ops.processes.local import ROLES, set_up
from ops.processes.local_streams import LocalStreams
from ops.processes.platform import Platform, opened_platform
from ops.processes.reference_watch import ReferenceWatch
from ops.processes.serving import listen, port_of
from ops.processes.up_file import Demo
from ops.runtime.clock import milliseconds
from ops.runtime.settings import Settings
from ops.runtime.timestamps import format_timestamp
from storage.jobs import open_jobs
from storage.log.port import Message
from storage.topics import QUOTES
from streams.market.latest_quotes_processor import LatestQuotesProcessor

COIN = "BTCUSDT.BINANCE"


@dataclass
class House:
    """A running platform. `answered` counts the answers to `get` and `post` by code."""

    platform: Platform
    gateway: Gateway
    reference: ReferenceWatch
    demo: Demo
    port: int
    client: httpx.AsyncClient
    numbers: Any
    answered: Counter[str] = field(default_factory=Counter)

    def signed(self, method: str, path: str, body: bytes = b"", key: str = "") -> dict[str, str]:
        """The headers of a request with the demo key."""
        timestamp = str(milliseconds(self.platform.clock.now()))
        text = string_to_sign(SignedRequest(method, path, "", key, body, {}, ""), timestamp)
        signature = signature_of(self.demo.api_secret.encode(), text)
        headers = {"X-PM-API-KEY": self.demo.api_key, "X-PM-TIMESTAMP": timestamp, "X-PM-SIGNATURE": signature}
        return headers | ({"Idempotency-Key": key, "Content-Type": "application/json"} if key else {})

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """A signed write."""
        raw, key = json.dumps(body).encode(), f"house-key-{next(self.numbers)}"
        return self.noted(await self.client.post(path, content=raw, headers=self.signed("POST", path, raw, key)))

    async def get(self, path: str) -> httpx.Response:
        """A read without signature."""
        return self.noted(await self.client.get(path))

    def noted(self, answer: httpx.Response) -> httpx.Response:
        """An answer, counted."""
        self.answered[answer.json().get("error", {"code": "ok"})["code"]] += 1
        return answer

    async def order(self, **fields: Any) -> httpx.Response:
        """Buy 0.1 of the coin at the market, with `fields` changed (None: left out)."""
        body = {"symbol": COIN, "side": "buy", "type": "market", "quantity": "0.1", **fields}
        return await self.post("/v1/orders", {name: value for name, value in body.items() if value is not None})

    @asynccontextmanager
    async def socket(self, *topics: str) -> AsyncIterator[ClientConnection]:
        """A WebSocket that has subscribed."""
        async with connect(f"ws://127.0.0.1:{self.port}/v1/ws") as socket:
            headers = self.signed("GET", "/v1/ws")
            asked = {
                "api_key": headers["X-PM-API-KEY"],
                "timestamp": headers["X-PM-TIMESTAMP"],
                "signature": headers["X-PM-SIGNATURE"],
            }
            for number, (op, payload) in enumerate((("auth", asked), ("subscribe", {"topics": list(topics)}))):
                await socket.send(json.dumps({"id": str(number), "op": op, "payload": payload}))
                while (answer := json.loads(await socket.recv())).get("id") != str(number):
                    pass
                assert answer["ok"], answer
            yield socket

    async def quote(self, bid: str, ask: str, symbol: str = COIN) -> None:
        """A symbol's market is there now."""
        now, venue = format_timestamp(self.platform.clock.now()), self.reference().instruments[symbol].venue
        value = {"symbol": symbol, "venue": venue, "last": bid, "bid": bid, "ask": ask, "bid_size": "9000"}
        value |= {"ask_size": "9000", "session_state": "open", "ts": now, "ts_in": now}
        await self.platform.log.append(QUOTES, Message(symbol.encode(), json.dumps(value).encode()))

    async def summary(self) -> dict[str, Any]:
        """`data` of the observability summary now."""
        principal = Principal("admin", "adm_1", "ses_1", "super_admin", None, (), "en-US")
        call = BearerCall({}, self.platform.clock.now(), "en-US", principal, {}, "127.0.0.1", "", "0" * 32, "", "", {})
        data: dict[str, Any] = json.loads(await self.gateway.people.administration.observability.summary(call))
        return data


@asynccontextmanager
async def house(settings: Settings) -> AsyncIterator[House]:
    """The platform of `settings`, ready."""
    stop = asyncio.Event()
    async with opened_platform(settings) as platform, AsyncExitStack() as ending:
        await set_up(platform)
        background = Background(stop)
        ending.push_async_callback(background.end)
        reference = await ReferenceWatch.opened(platform)
        streams = await LocalStreams.started(platform, background, reference)
        jobs = open_jobs("memory://", platform.metrics)
        ending.callback(jobs.close)
        gateway = await open_gateway(
            platform, background, reference, jobs, quote_group=LatestQuotesProcessor.name, roles=ROLES
        )
        ending.push_async_callback(close_gateway, gateway)
        workers = open_workers(platform, background, jobs, gateway.people.administration.decisions)
        ending.push_async_callback(workers.stop, 1.0)
        await gateway.hub.caught_up()
        streams.add_checks(gateway.health)
        heartbeat = HeartbeatTask(platform, "local", gateway.health, streams.progress, streams.owners)
        background.start(heartbeat.run(), "heartbeat")
        demo = await create_demo(platform, reference(), gateway.people.identity.passwords)
        listener, serving = listen("127.0.0.1", 0), asyncio.Event()
        served = background.start(gateway.serve(listener, settings, serving), "gateway")
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port_of(listener)}")
        ending.push_async_callback(client.aclose)
        yield House(platform, gateway, reference, demo, port_of(listener), client, count())
        await gateway.drain(0.2)
        serving.set()
        await asyncio.wait([served])
        await streams.stop()
