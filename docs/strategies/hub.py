"""A small client of the hub: signed REST calls that are never done twice, and streams without a hole.

Needs Python 3.11, httpx and websockets; nothing of the hub itself. Copy it.
"""

import asyncio
import hashlib
import hmac
import json
import os
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import websockets


class Refused(Exception):
    """The hub said no: `code` is stable, `details` has the figures."""

    def __init__(self, code: str, message: str, details: dict[str, Any] | None) -> None:
        super().__init__(f"{code}: {message} {details or ''}")
        self.code, self.details = code, details or {}


class Hub:
    """One API key at one hub. Use it as an async context manager."""

    def __init__(self, url: str, api_key: str, api_secret: str) -> None:
        self._api_key, self._secret = api_key, api_secret.encode()
        self._written = "0"  # the account's record up to which reads must be: one reads what one wrote
        self._http = httpx.AsyncClient(base_url=url, timeout=10)
        self._ws_url = url.replace("http", "ws", 1) + "/v1/ws"

    @classmethod
    def from_surroundings(cls) -> "Hub":
        """OMNIAXS_URL, OMNIAXS_API_KEY and OMNIAXS_API_SECRET, or the `omniaxs up` that runs in this folder."""
        names = ("OMNIAXS_URL", "OMNIAXS_API_KEY", "OMNIAXS_API_SECRET")
        if all(name in os.environ for name in names):
            return cls(*(os.environ[name] for name in names))
        up = json.loads(Path(".omniaxs/up.json").read_text())
        return cls(up["http"], up["demo"]["api_key"], up["demo"]["api_secret"])

    async def __aenter__(self) -> "Hub":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get(self, target: str) -> dict[str, Any]:
        """The data of a read; `target` is path and query."""
        return await self._send("GET", target, b"", "")

    async def write(self, method: str, target: str, body: dict[str, Any]) -> dict[str, Any]:
        """The data of a write. While its outcome is not known it is sent again under the same key: it happens once."""
        key, content = uuid.uuid4().hex, json.dumps(body).encode()
        while True:
            try:
                return await self._send(method, target, content, key)
            except httpx.TransportError:
                await asyncio.sleep(0.5)

    async def _send(self, method: str, target: str, content: bytes, key: str) -> dict[str, Any]:
        for _ in range(20):
            headers = self._signed(method, target, content, key)
            answer = await self._http.request(method, target, content=content or None, headers=headers)
            said = answer.json()
            if said["success"]:
                if content:
                    self._written = answer.headers.get("X-Account-Seq", self._written)
                return dict(said["data"])
            error = said["error"]
            if not error["retryable"]:
                break
            await asyncio.sleep(float(answer.headers.get("Retry-After", 0.5)))
        raise Refused(error["code"], error["message"], error["details"])

    def _signed(self, method: str, target: str, content: bytes, key: str) -> dict[str, str]:
        path, _, query = target.partition("?")
        timestamp = str(time.time_ns() // 1_000_000)
        text = "\n".join((timestamp, method, path, query, key, hashlib.sha256(content).hexdigest()))
        headers = {
            "X-PM-API-KEY": self._api_key,
            "X-PM-TIMESTAMP": timestamp,
            "X-PM-SIGNATURE": hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest(),
        }
        if content:
            return {**headers, "Content-Type": "application/json", "Idempotency-Key": key}
        return {**headers, "X-Min-Account-Seq": self._written}

    async def stream(self, *topics: str, grace_ms: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Messages with data. A connection that breaks is resumed where it was: nothing is missed, nothing comes twice.

        With `grace_ms` open orders are cancelled when the connection is gone for that long.
        """
        places = Places(topics)
        while True:
            try:
                async with websockets.connect(self._ws_url, max_size=None, compression=None) as socket:
                    async for message in self._follow(socket, places, grace_ms):
                        yield message
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(0.5)

    async def _follow(
        self, socket: websockets.ClientConnection, places: "Places", grace_ms: int
    ) -> AsyncIterator[dict[str, Any]]:
        signed = self._signed("GET", "/v1/ws", b"", "")
        names = {"api_key": "X-PM-API-KEY", "timestamp": "X-PM-TIMESTAMP", "signature": "X-PM-SIGNATURE"}
        await _ask(socket, "auth", {name: signed[header] for name, header in names.items()})
        if grace_ms:
            await _ask(socket, "cancel_on_disconnect", {"enabled": True, "grace_ms": grace_ms})
        answer = await _ask(socket, "subscribe", {"topics": list(places.topics), "resume": places.ours})
        for granted in answer["topics"].values():
            if not granted["ok"]:
                raise Refused(granted["code"], granted["message"], granted.get("details"))
        places.granted(answer["topics"])
        async for text in socket:
            message = json.loads(text)
            places.note(message)
            if "data" in message:
                yield message


class Places:
    """Where a client stands in each topic. A topic's place is `ours` when its snapshot has come whole."""

    def __init__(self, topics: tuple[str, ...]) -> None:
        self.topics = topics
        self.ours: dict[str, Any] = {}
        self._coming: dict[str, Any] = {}

    def granted(self, topics: dict[str, Any]) -> None:
        """The answer to `subscribe`."""
        places = {name: {"log_id": said["log_id"], "positions": said["positions"]} for name, said in topics.items()}
        self.ours = {name: place for name, place in places.items() if topics[name]["recovered"]}
        self._coming = {name: place for name, place in places.items() if name not in self.ours}

    def note(self, message: dict[str, Any]) -> None:
        """What came for one topic says nothing about another, though they may share a shard."""
        if message.get("type") == "position":
            self.ours |= message["topics"]
        elif "shard" in message:
            for topic in filter(lambda topic: _covers(topic, message["topic"]), self.topics):
                self._have(topic, message)

    def _have(self, topic: str, message: dict[str, Any]) -> None:
        if message["type"] != "snapshot" and topic in self._coming:
            self.ours[topic] = self._coming.pop(topic)
        if topic in self.ours:
            positions, seq = self.ours[topic]["positions"], message.get("seq", message.get("to"))
            positions[message["shard"]] = max(positions[message["shard"]], seq)


def _covers(topic: str, name: str) -> bool:
    """Whether a message of that name belongs to a subscription; records of orders are always named orders.*"""
    wildcard = topic.endswith("*") and name.startswith(topic[:-1])
    return name == topic or wildcard or (name == "orders.*" and topic.startswith("orders."))


async def _ask(socket: websockets.ClientConnection, op: str, payload: dict[str, Any]) -> dict[str, Any]:
    await socket.send(json.dumps({"op": op, "id": op, "payload": payload}))
    answer = json.loads(await socket.recv())
    if not answer["ok"]:
        error = answer["error"]
        raise Refused(error["code"], error["message"], error.get("details"))
    return dict(answer["payload"])
