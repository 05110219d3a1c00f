"""All connections of a process: their number by key, one timer for their deadlines, revocation, draining."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from gateway.callers import Authenticator
from gateway.live import close_codes
from gateway.live.cancel_on_disconnect import CancelOnDisconnect
from gateway.live.connection import AUTH_SECONDS, CLOSING_SECONDS, Connection
from gateway.live.heartbeat import PING_SECONDS, Wheel
from gateway.live.hub import LiveHub
from gateway.live.protocol import Wording
from gateway.live.topics import SCOPES
from gateway.live.wire import Wire
from ops.runtime.clock import Clock
from ops.runtime.errors import HubError
from ops.runtime.languages import Languages
from ops.runtime.metrics import WEBSOCKET_CLOSED, WEBSOCKET_CONNECTIONS, WEBSOCKET_SUBSCRIPTIONS, Metrics
from storage.reference import ReferenceData

SLOT_SECONDS: Final = 0.25
_SCAN_SECONDS: Final = 1.0
_RECONNECT_SPREAD_MS: Final = 2_000


class LiveSockets:
    """See `connection.Desk`. `reference` gives the symbols that there are now. Call `start` before serving.

    Without `cancel_on_disconnect` there is no trading here, so no account is open.
    """

    def __init__(
        self,
        hub: LiveHub,
        authenticator: Authenticator,
        *,
        reference: Callable[[], ReferenceData],
        languages: Languages,
        clock: Clock,
        metrics: Metrics | None = None,
        cancel_on_disconnect: CancelOnDisconnect | None = None,
    ) -> None:
        self.cancel_on_disconnect = cancel_on_disconnect
        self.hub, self.limits, self.clock, self.authenticator = hub, hub.limits, clock, authenticator
        self.wording = Wording(languages)
        self.draining = False
        self._reference, self._metrics = reference, metrics
        if metrics is not None:
            for code in close_codes.REASONS:
                metrics.counter(WEBSOCKET_CLOSED).labels(str(code))  # a counter that begins at 1 has no increase there
        self._connections: dict[Connection, None] = {}
        self._by_key: dict[str, set[Connection]] = {}
        self._wheel: Wheel[Connection] = Wheel(SLOT_SECONDS)
        self._next_scan = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._last_gone = asyncio.Event()

    def __len__(self) -> int:
        return len(self._connections)

    def start(self) -> None:
        """Begin to look after connections. What ends that ends the hub (`LiveHub.failure`)."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run(), name="live sockets")]
        if self.cancel_on_disconnect is not None:
            self._tasks.append(loop.create_task(self.cancel_on_disconnect.run(), name="cancel on disconnect"))
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Stop looking after connections."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self, grace_seconds: float) -> None:
        """Say `going_away`, give clients `grace_seconds` to leave, close the others with 1012 and see them off.

        Takes at most `grace_seconds` and 5 s. New connections are refused from now on.
        """
        self.draining = True
        connections = list(self._connections)
        for index, connection in enumerate(connections):
            connection.going_away(_RECONNECT_SPREAD_MS * index // len(connections))
        await self._emptied(grace_seconds)
        for connection in list(self._connections):
            connection.close(close_codes.RESTART)
        await self._emptied(CLOSING_SECONDS)
        for connection in list(self._connections):
            connection.client.abort()

    def open(self, wire: Wire, address: str, accept_language: str | None) -> Connection:
        """A new connection; `address` is its client's, for the key's allow-list."""
        connection = Connection(wire, self, address, accept_language)
        self._connections[connection] = None
        self.watch(connection, connection.opened_at + AUTH_SECONDS)
        return connection

    def gone(self, connection: Connection) -> None:
        """See `Desk`."""
        if connection not in self._connections:
            return
        del self._connections[connection]
        if not self._connections:
            self._last_gone.set()
        connection.client.closed = True
        if self.cancel_on_disconnect is not None:
            self.cancel_on_disconnect.gone(connection)
        self.hub.leave(connection.client)
        self._release_key(connection)

    def knows(self, symbol: str) -> bool:
        """See `Desk`."""
        return symbol in self._reference().instruments

    def admit(self, connection: Connection, key_id: str) -> None:
        """See `Desk`."""
        connections = self._by_key.setdefault(key_id, set())
        most = self.limits.connections_per_key
        if len(connections) >= most:
            raise HubError("stream.limit", {"limit": "connections_per_key", "most": most})
        connections.add(connection)

    def watch(self, connection: Connection, due: float) -> None:
        """See `Desk`."""
        self._wheel.put(connection, due)

    def closing(self, code: int) -> None:
        """See `Desk`."""
        if self._metrics is not None:
            self._metrics.counter(WEBSOCKET_CLOSED).labels(str(code)).inc()

    def turn(self, now: float) -> None:
        """Do everything that is due at `now` (seconds of the monotonic clock)."""
        for connection in self._wheel.turn(now):
            if connection in self._connections:
                self._look_at(connection, now)
        self.drop_invalid()
        if now >= self._next_scan:
            self._next_scan = now + _SCAN_SECONDS
            self._scan(now)
            self._publish()

    def drop_invalid(self) -> None:
        """Close the connections of keys that are not valid any more (revoked, expired, their user or tenant suspended)."""
        for key_id, connections in list(self._by_key.items()):
            refused = self.authenticator.refusal(key_id)
            if refused is not None:
                for connection in list(connections):
                    connection.fail(refused, close_codes.NOT_ALLOWED)

    def _look_at(self, connection: Connection, now: float) -> None:
        client, heartbeat = connection.client, connection.heartbeat
        if connection.abort_at is not None:
            if now >= connection.abort_at:
                client.abort()
            else:
                self.watch(connection, connection.abort_at)
            return
        if connection.caller is None and now - connection.opened_at >= AUTH_SECONDS:
            connection.fail(HubError("stream.not_authenticated"), close_codes.NOT_AUTHENTICATED)
            return
        if now >= heartbeat.next_ping_at:
            connection.ping(now)
        if now - connection.position_at >= PING_SECONDS:
            connection.send_positions(now)
        self._check_progress(connection, now)
        if not client.closed:
            self.watch(connection, _next_look(connection, now))

    def _check_progress(self, connection: Connection, now: float) -> None:
        client, heartbeat = connection.client, connection.heartbeat
        heartbeat.moved(now, client.written, client.buffered())
        code = heartbeat.verdict(now)
        if code is not None:
            connection.close(code)

    def _scan(self, now: float) -> None:
        """Once a second: write buffers that do not move."""
        for connection in list(self._connections):
            if not connection.client.closed and connection.client.buffered():
                self._check_progress(connection, now)

    def _publish(self) -> None:
        self.hub.statistics.publish()
        if self._metrics is not None:
            self._metrics.gauge(WEBSOCKET_CONNECTIONS).set(len(self._connections))
            for family in SCOPES:
                self._metrics.gauge(WEBSOCKET_SUBSCRIPTIONS).labels(family).set(self.hub.subscriptions.get(family, 0))

    def _release_key(self, connection: Connection) -> None:
        key_id = connection.caller.key_id if connection.caller is not None else None
        connections = self._by_key.get(key_id) if key_id is not None else None
        if key_id is not None and connections is not None:
            connections.discard(connection)
            if not connections:
                del self._by_key[key_id]

    async def _run(self) -> None:
        while True:
            self.turn(self.clock.monotonic())
            await asyncio.sleep(SLOT_SECONDS)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Without heartbeats and revocation the process must not go on."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.hub.fail(error)

    async def _emptied(self, seconds: float) -> None:
        """Return when no connection is left, or after `seconds`."""
        if self._connections:
            self._last_gone.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._last_gone.wait()


def _next_look(connection: Connection, now: float) -> float:
    due = min(connection.heartbeat.due(now), connection.position_at + PING_SECONDS)
    return due if connection.caller is not None else min(due, connection.opened_at + AUTH_SECONDS)
