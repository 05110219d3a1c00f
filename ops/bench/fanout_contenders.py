"""The contenders of the benchmarks that send messages to many: the naive way, ours, node `ws`, bun and a NATS server."""

import socket
from pathlib import Path

from ops.bench.connecting import Greeting
from ops.bench.contender import Contender, Make, python
from ops.bench.tools import PeerMissing, bun, nats_server, node_with_ws
from ops.bench.websocket import Request, websocket_greeting

PATH = "/v1/ws"
OURS = "ours"
_HEADER_BYTES = 4
_PEERS = Path(__file__).parent / "peers"


def contenders(*, peers: bool, nats: bool = True) -> tuple[dict[str, Make], list[str]]:
    """Those that can run here by name, and in words why others cannot."""
    found: dict[str, Make] = {"naive Quart send": naive, OURS: ours}
    if not peers:
        return found, ["the peers that are not Python were left out"]
    notes: list[str] = []
    wanted: dict[str, Make] = {"node ws": node, "uWebSockets (bun)": uwebsockets}
    wanted |= {"nats-server": nats_peer} if nats else {}
    for name, make in wanted.items():
        try:
            make(0, 0)
        except PeerMissing as missing:
            notes.append(f"{name} was left out: {missing}")
        else:
            found[name] = make
    return found, notes


def naive(port: int, size: int) -> Contender:
    """Quart's own `send`, awaited for every client."""
    command = python("ops.bench.peers.naive_quart", port, size)
    return Contender(command, plain, size + _HEADER_BYTES)


def ours(port: int, size: int) -> Contender:
    """The hub; every client authenticates and subscribes to `trades.*`."""
    command = python("ops.bench.peers.ours", port, size)
    anybody: Request = {"api_key": "bench", "timestamp": "0", "signature": "0"}
    return Contender(command, lambda _said: subscribing(anybody, "trades.*"), size + _HEADER_BYTES)


def node(port: int, size: int) -> Contender:
    """node with the package `ws`. Raises `PeerMissing`."""
    command = ["node", str(_PEERS / "ws_server.js"), str(port), str(size)]
    return Contender(command, plain, size + _HEADER_BYTES, environment=node_with_ws())


def uwebsockets(port: int, size: int) -> Contender:
    """uWebSockets as bun has it, by its own publish and subscribe. Raises `PeerMissing`."""
    command = [str(bun()), str(_PEERS / "bun_server.js"), str(port), str(size)]
    return Contender(command, plain, size + _HEADER_BYTES)


def nats_peer(port: int, size: int) -> Contender:
    """A NATS server, which a second process publishes to. Raises `PeerMissing`."""

    def greet(connection: socket.socket) -> None:
        connection.sendall(b'CONNECT {"verbose":false}\r\nSUB quotes 1\r\n')

    return Contender(
        [str(nats_server()), "-a", "127.0.0.1", "-p", str(port)],
        lambda _said: greet,
        len(f"MSG quotes 1 {size}\r\n") + size + 2,
        helper=python("ops.bench.peers.nats_publisher", port, size),
        ready_line="Server is ready",
    )


def plain(_said: str) -> Greeting:
    """A WebSocket that gets everything without asking."""
    return websocket_greeting(PATH, tuple)


def subscribing(auth: Request, *topics: str) -> Greeting:
    """A WebSocket of ours with `topics`, without snapshots; `auth` is the payload of that operation."""
    messages: list[Request] = [
        {"op": "auth", "id": "1", "payload": auth},
        {"op": "subscribe", "id": "2", "payload": {"topics": list(topics), "snapshot": False}},
    ]
    return websocket_greeting(PATH, lambda: messages)
