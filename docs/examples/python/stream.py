"""A stream without a hole from Python, with the package `websockets`: connect, authenticate, subscribe, resume. Copy it.

python docs/examples/python/stream.py [--count N] TOPIC...      prints a line for each message; N messages, then the end
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import time
from typing import Any

import websockets

REST_SECONDS = 0.5


class Refused(Exception):
    """The hub said no to a request."""


class Stream:
    """Topics of one API key, followed over as many connections as it takes."""

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics
        self._places: dict[str, Any] = {}
        self._coming: dict[str, Any] = {}

    async def run(self, count: int) -> None:
        """Follow until `count` data messages have come; a connection that ends is followed by another."""
        left = count
        while left > 0:
            try:
                async with websockets.connect(os.environ["OMNIAXS_URL"].replace("http", "ws", 1) + "/v1/ws") as socket:
                    await self._begin(socket)
                    async for text in socket:
                        left -= self._take(json.loads(text))
                        if left <= 0:
                            return
            except (OSError, websockets.WebSocketException) as ended:
                print(f"connection: {type(ended).__name__}, once more", flush=True)
            await asyncio.sleep(REST_SECONDS)

    async def _begin(self, socket: websockets.ClientConnection) -> None:
        """Authenticate, then subscribe from where we are. Each topic is granted or refused by itself."""
        await self._ask(socket, "auth", auth_payload())
        answer = await self._ask(socket, "subscribe", {"topics": self._topics, "resume": self._places})
        self._coming.clear()
        for topic, granted in answer["topics"].items():
            if not granted["ok"]:  # retryable: log, store or read model are behind at the moment
                refusal = ConnectionError if granted["retryable"] else Refused
                raise refusal(f"{topic}: {granted['code']} {granted['message']}")
            print(f"subscribed: {topic} {'recovered' if granted['recovered'] else 'from a snapshot'}", flush=True)
            place = {"log_id": granted["log_id"], "positions": granted["positions"]}
            if granted["recovered"]:
                self._places[topic] = place
            else:  # a place of ours only when the whole snapshot has come
                self._places.pop(topic, None)
                self._coming[topic] = place

    async def _ask(self, socket: websockets.ClientConnection, op: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The payload of the answer, which comes before any data of what was asked for."""
        await socket.send(json.dumps({"op": op, "id": op, "payload": payload}))
        answer = json.loads(await socket.recv())
        if not answer.get("ok"):
            raise Refused(f"{op}: {answer}")
        return dict(answer["payload"])

    def _take(self, message: dict[str, Any]) -> int:
        """One message; 1 when it has data."""
        if "data" in message:
            print(f"{message['type']}: {message['topic']} {message['shard']} {message['seq']}", flush=True)
            if message["type"] != "snapshot":  # what a snapshot shows is no place; states may belong to one
                for topic in filter(lambda topic: covers(topic, message["topic"]), self._topics):
                    self._have(topic, message["shard"], message["seq"], whole=message["type"] == "update")
            return 1
        match message["type"]:
            case "position":  # where quiet shards stand, too; of topics whose snapshot is complete
                self._places |= message["topics"]
                self._coming = {topic: place for topic, place in self._coming.items() if topic not in self._places}
            case "gap":  # we were too slow: what stood between was dropped and will not come
                print(f"gap: {message['shard']} {message['from']} to {message['to']}", flush=True)
                self._have(message["topic"], message["shard"], message["to"], whole=True)
            case other:  # lagging: gaps may follow; going_away: a restart, the connection ends; error: why it ends
                print(f"{other}: {message}", flush=True)
        return 0

    def _have(self, topic: str, shard: str, seq: int, *, whole: bool) -> None:
        """Note what came; `whole`: the topic's snapshot is complete, since this comes after it."""
        if whole and topic in self._coming:
            self._places[topic] = self._coming.pop(topic)
        if topic in self._places:
            positions = self._places[topic]["positions"]
            positions[shard] = max(positions[shard], seq)


def covers(topic: str, name: str) -> bool:
    """Whether a message named `name` belongs to a subscription to `topic`; records of orders are always named orders.*"""
    wildcard = topic.endswith("*") and name.startswith(topic[:-1])
    return name == topic or wildcard or (name == "orders.*" and topic.startswith("orders."))


def auth_payload() -> dict[str, str]:
    """The signature is over GET, /v1/ws, no query, no idempotency key, no body."""
    timestamp = str(time.time_ns() // 1_000_000)
    text = "\n".join((timestamp, "GET", "/v1/ws", "", "", hashlib.sha256(b"").hexdigest()))
    signature = hmac.new(os.environ["OMNIAXS_API_SECRET"].encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"api_key": os.environ["OMNIAXS_API_KEY"], "timestamp": timestamp, "signature": signature}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("topics", nargs="+")
    parser.add_argument("--count", type=int, default=1_000_000)
    asked = parser.parse_args()
    asyncio.run(Stream(asked.topics).run(asked.count))
