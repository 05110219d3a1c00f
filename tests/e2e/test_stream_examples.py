"""The programs of the WebSocket guide keep right places wherever a connection breaks: beside a hub that follows a script."""

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.e2e.pages import ROOT

PROGRAMS = {
    "python": (str(ROOT / ".venv/bin/python"), str(ROOT / "docs/examples/python/stream.py")),
    "javascript": ("node", "--experimental-websocket", str(ROOT / "docs/examples/javascript/stream.mjs")),
}
ALL, ONE = "quotes.*", "quotes.A"
LOG = "the-log"
LAST = 60
Positions = dict[str, int]


@dataclass(frozen=True, slots=True)
class Act:
    """One connection: what each topic is granted with, what comes then, and which places the client has after that."""

    granted: dict[str, tuple[bool, Positions]]
    messages: list[dict[str, Any]]
    then: dict[str, Positions]


def data(kind: str, symbol: str, seq: int, shard: str = "quotes-0") -> dict[str, Any]:
    """A message with data."""
    return {"topic": f"quotes.{symbol}", "shard": shard, "seq": seq, "type": kind, "data": {"symbol": symbol}}


FRESH = {ALL: (False, {"quotes-0": 10, "quotes-1": 5}), ONE: (False, {"quotes-0": 10})}
ACTS = {
    "before anything came": Act(FRESH, [], {}),
    "in the middle of a snapshot": Act(FRESH, [data("snapshot", "A", 9), data("snapshot", "B", 4, "quotes-1")], {}),
    "among the states of a snapshot": Act(FRESH, [data("snapshot", "A", 9), data("state", "A", 12)], {}),
    "after the first update": Act(
        FRESH,
        [data("snapshot", "A", 9), data("update", "A", 11)],
        {ALL: {"quotes-0": 11, "quotes-1": 5}, ONE: {"quotes-0": 11}},
    ),
    "resumed, before anything came": Act(
        {ALL: (True, {"quotes-0": 11, "quotes-1": 5}), ONE: (True, {"quotes-0": 11})},
        [],
        {ALL: {"quotes-0": 11, "quotes-1": 5}, ONE: {"quotes-0": 11}},
    ),
    "resumed, among updates, states and gaps": Act(
        {ALL: (True, {"quotes-0": 11, "quotes-1": 5}), ONE: (True, {"quotes-0": 11})},
        [
            data("update", "A", 12),
            data("state", "B", 6, "quotes-1"),
            {"type": "gap", "topic": ALL, "shard": "quotes-1", "from": 7, "to": 9},
        ],
        {ALL: {"quotes-0": 12, "quotes-1": 9}, ONE: {"quotes-0": 12}},
    ),
    "one of two begins anew, in the middle of its snapshot": Act(
        {ALL: (True, {"quotes-0": 12, "quotes-1": 9}), ONE: (False, {"quotes-0": 20})},
        [data("snapshot", "A", 19)],
        {ALL: {"quotes-0": 12, "quotes-1": 9}},
    ),
    "after a position": Act(
        {ALL: (True, {"quotes-0": 12, "quotes-1": 9}), ONE: (False, {"quotes-0": 20})},
        [
            data("snapshot", "A", 19),
            {
                "type": "position",
                "topics": {
                    ALL: {"log_id": LOG, "positions": {"quotes-0": 20, "quotes-1": 30}},
                    ONE: {"log_id": LOG, "positions": {"quotes-0": 20}},
                },
            },
        ],
        {ALL: {"quotes-0": 20, "quotes-1": 30}, ONE: {"quotes-0": 20}},
    ),
    "an older one comes again": Act(
        {ALL: (True, {"quotes-0": 20, "quotes-1": 30}), ONE: (True, {"quotes-0": 20})},
        [data("update", "A", 18), data("update", "A", 21), data("update", "A", 19)],
        {ALL: {"quotes-0": 21, "quotes-1": 30}, ONE: {"quotes-0": 21}},
    ),
}
"""Where the connection breaks; the next act begins from there."""


@dataclass(slots=True)
class ScriptedHub:
    """Answers as the acts say, one a connection, and breaks off after each; then it sends the rest and waits for the program to go."""

    acts: Iterator[Act]
    resumed: list[dict[str, Any]] = field(default_factory=list)

    async def connected(self, socket: ServerConnection) -> None:
        """One connection."""
        asked = json.loads(await socket.recv())
        await socket.send(json.dumps({"op": "auth", "id": asked["id"], "ok": True, "payload": {}}))
        asked = json.loads(await socket.recv())
        assert asked["payload"]["topics"] == [ALL, ONE]
        self.resumed.append(asked["payload"]["resume"])
        act = next(self.acts, None)
        await socket.send(json.dumps(_answer(FRESH if act is None else act.granted)))
        with suppress(ConnectionClosed):  # the program goes when it has what it wanted
            for message in _last_updates() if act is None else act.messages:
                await socket.send(json.dumps(message))
        if act is None:
            await socket.wait_closed()
        await socket.close(1012)  # only after a close frame is everything before it taken for certain


def _answer(granted: dict[str, tuple[bool, Positions]]) -> dict[str, Any]:
    topics = {
        topic: {"ok": True, "recovered": recovered, "log_id": LOG, "positions": positions}
        for topic, (recovered, positions) in granted.items()
    }
    return {"op": "subscribe", "id": "subscribe", "ok": True, "payload": {"topics": topics}}


def _last_updates() -> list[dict[str, Any]]:
    return [data("update", "A", 100 + number) for number in range(LAST)]


@pytest.mark.parametrize("language", list(PROGRAMS))
@pytest.mark.timeout(60)
async def test_what_a_program_resumes_from_is_what_has_come(language: str) -> None:
    if shutil.which(PROGRAMS[language][0]) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{PROGRAMS[language][0]} is not here")
    hub = ScriptedHub(iter(ACTS.values()))
    async with serve(hub.connected, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        told = sum("data" in message for act in ACTS.values() for message in act.messages)
        printed = await _run(PROGRAMS[language], f"http://127.0.0.1:{port}", told + LAST)
    expected = [{}] + [
        {topic: {"log_id": LOG, "positions": positions} for topic, positions in act.then.items()}
        for act in ACTS.values()
    ]
    breaks = ["at the start", *ACTS]
    assert dict(zip(breaks, hub.resumed, strict=True)) == dict(zip(breaks, expected, strict=True)), printed


async def _run(command: tuple[str, ...], url: str, count: int) -> str:
    """What the program prints until it has had `count` messages with data."""
    environment = {**os.environ, "OMNIAXS_URL": url, "OMNIAXS_API_KEY": "pm_key", "OMNIAXS_API_SECRET": "secret"}
    program = await asyncio.create_subprocess_exec(
        *command, "--count", str(count), ALL, ONE, env=environment, stdout=PIPE, stderr=STDOUT
    )
    out, _ = await program.communicate()
    assert program.returncode == 0, out.decode()
    return out.decode()
