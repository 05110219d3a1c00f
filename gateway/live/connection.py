"""One WebSocket connection: takes a client's messages, in turn, and answers them."""

from collections.abc import Sequence
from typing import Final, Protocol

from gateway.callers import Authenticator, Caller, SignedRequest
from gateway.live import close_codes
from gateway.live.cancel_on_disconnect import CancelOnDisconnect
from gateway.live.frames import json_frame, ping_frame, pong_frame
from gateway.live.heartbeat import Heartbeat
from gateway.live.hub import LiveHub
from gateway.live.limits import WAITING_MESSAGES, LiveLimits
from gateway.live.protocol import (
    AuthPayload,
    BadMessage,
    CancelOnDisconnectPayload,
    Operation,
    SubscribePayload,
    UnsubscribePayload,
    Wording,
    answer_frame,
    read_operation,
    read_payload,
    topic_granted,
    wanted_topic,
)
from gateway.live.subscriptions import Granted, Wanted
from gateway.live.switches import Terms
from gateway.live.topics import SCOPES, Topic, parse_topic
from gateway.live.wire import Wire
from ops.runtime.clock import Clock, milliseconds
from ops.runtime.errors import HubError
from ops.runtime.languages import negotiate

AUTH_SECONDS: Final = 10.0
CLOSING_SECONDS: Final = 5.0
PATH: Final = "/v1/ws"


class Desk(Protocol):
    """What all connections of a process share."""

    hub: LiveHub
    limits: LiveLimits
    clock: Clock
    wording: Wording
    authenticator: Authenticator
    cancel_on_disconnect: CancelOnDisconnect | None

    def knows(self, symbol: str) -> bool:
        """Whether there is such a symbol."""
        ...

    def admit(self, connection: "Connection", key_id: str) -> None:
        """Count a connection of a key. Raises `HubError` `stream.limit` when the key has too many."""
        ...

    def watch(self, connection: "Connection", due: float) -> None:
        """Look at `connection` at `due` seconds of the monotonic clock."""
        ...

    def gone(self, connection: "Connection") -> None:
        """Forget a connection that has ended. Does nothing the second time."""
        ...

    def closing(self, code: int) -> None:
        """Count a connection that we close."""
        ...


class Connection:
    """Until `auth` succeeds nothing else is taken. `desk` is what all connections share."""

    __slots__ = (
        "_accept_language", "_address", "_allowance", "_allowance_at", "_desk", "_waiting", "abort_at", "caller", "client",
        "heard_at", "heartbeat", "language", "opened_at", "position_at",
    )  # fmt: skip

    def __init__(self, wire: Wire, desk: Desk, address: str, accept_language: str | None) -> None:
        now = desk.clock.monotonic()
        self._desk, self._address, self._accept_language = desk, address, accept_language
        self.client = desk.hub.client(wire, self._too_slow)
        self.heartbeat = Heartbeat(now)
        self.caller: Caller | None = None
        self.language = negotiate(accept_language)
        self.opened_at = self.position_at = self.heard_at = now
        self.abort_at: float | None = None
        self._waiting = 0
        self._allowance, self._allowance_at = float(desk.limits.messages_per_second), now

    def message_came(self) -> bool:
        """A message came in. False: too many did, or too many wait to be answered, and the connection is being closed."""
        self._waiting += 1
        if self._waiting > WAITING_MESSAGES:
            details = {"limit": "unanswered_messages", "most": WAITING_MESSAGES}
            self.fail(HubError("stream.limit", details), close_codes.LIMITS)
        return self._counted()

    def too_large(self) -> None:
        """A message is larger than the limit."""
        most = self._desk.limits.message_bytes
        self.fail(HubError("stream.limit", {"limit": "message_bytes", "most": most}), close_codes.LIMITS)

    def ping_came(self, payload: bytes) -> None:
        """Answer a client's ping."""
        if self._counted():
            self.client.send(pong_frame(payload))

    def pong_came(self) -> None:
        """The client answered a ping of ours."""
        self.heard_at = self._desk.clock.monotonic()
        self.heartbeat.pong_came()

    def ended(self) -> None:
        """The client has closed; it gets nothing any more."""
        self._desk.gone(self)

    def ping(self, now: float) -> None:
        """Send a ping of ours."""
        self.client.send(ping_frame())
        self.heartbeat.ping_sent(now, self.client.written)

    async def take(self, message: object) -> None:
        """Do what a message asks for and answer it."""
        self._waiting -= 1
        if self.client.closed:
            return
        try:
            operation = read_operation(message)
        except BadMessage as error:
            self.fail(HubError("stream.bad_message", error.details), close_codes.BAD_MESSAGE)
            return
        try:
            await self._perform(operation)
        except HubError as error:
            self._refuse(operation, error)

    def send_positions(self, now: float) -> None:
        """The message `position`: how far every subscribed shard was delivered."""
        self.position_at = now
        if self.client.subscriptions:
            self.client.send(json_frame({"type": "position", "topics": self._desk.hub.positions(self.client)}))

    def going_away(self, reconnect_after_ms: int) -> None:
        """Say that a restart follows, and with what to resume elsewhere; another gateway may then take its switch over."""
        self._leave_switch()
        resume = self._desk.hub.positions(self.client)
        self.client.send(json_frame({"type": "going_away", "reconnect_after_ms": reconnect_after_ms, "resume": resume}))

    def fail(self, error: HubError, code: int) -> None:
        """Say what is wrong and close."""
        if not self.client.closed:
            self.client.send(self._desk.wording.error_frame(error, self.language))
            self.close(code)

    def close(self, code: int) -> None:
        """Close; the connection is dropped when the client does not answer within 5 s."""
        if not self.client.closed:
            self.client.close(code, close_codes.REASONS[code])
            self._desk.hub.leave(self.client)
            self._leave_switch(self.heard_at)
            self._desk.closing(code)
            self.abort_at = self._desk.clock.monotonic() + CLOSING_SECONDS
            self._desk.watch(self, self.abort_at)

    def _counted(self) -> bool:
        """Take note of a message or ping; False: there are too many a second and the connection is being closed."""
        rate = self._desk.limits.messages_per_second
        now = self.heard_at = self._desk.clock.monotonic()
        self._allowance = min(float(rate), self._allowance + (now - self._allowance_at) * rate) - 1.0
        self._allowance_at = now
        if self._allowance < 0:
            self.fail(HubError("stream.limit", {"limit": "messages_per_second", "most": rate}), close_codes.LIMITS)
        return not self.client.closed

    async def _perform(self, operation: Operation) -> None:
        payload = read_payload(operation)
        if isinstance(payload, AuthPayload):
            await self._authenticate(operation, payload)
        elif self.caller is None:
            raise HubError("stream.not_authenticated")
        elif isinstance(payload, SubscribePayload):
            await self._subscribe(operation, payload, self.caller)
        elif isinstance(payload, UnsubscribePayload):
            self._unsubscribe(operation, payload)
        elif isinstance(payload, CancelOnDisconnectPayload):
            await self._cancel_on_disconnect(operation, payload, self.caller)
        else:
            self._answer(operation, {"server_time": self._server_time()}, "pong")

    async def _authenticate(self, operation: Operation, payload: AuthPayload) -> None:
        if self.caller is not None:
            details = {"fields": [{"name": "op", "reason": "already authenticated", "expected": "auth once"}]}
            raise HubError("stream.bad_message", details)
        headers = {
            "x-pm-api-key": payload.api_key,
            "x-pm-timestamp": payload.timestamp,
            "x-pm-signature": payload.signature,
        }
        request = SignedRequest("GET", PATH, "", "", b"", headers, self._address)
        caller = await self._desk.authenticator.authenticate(request)
        self.language = negotiate(self._accept_language, caller.language)
        if "stream" not in caller.scopes:
            raise HubError("auth.scope_missing", {"scope": "stream"})
        if self.client.closed:
            return
        self._desk.admit(self, caller.key_id)
        self.caller = caller
        self.client.account = caller.account_id
        self._answer(operation, self._identity(caller))

    def _identity(self, caller: Caller) -> dict[str, object]:
        limits = self._desk.limits
        return {
            "tenant_id": caller.tenant_id,
            "account_id": caller.account_id,
            "scopes": sorted(caller.scopes),
            "server_time": self._server_time(),
            "limits": {
                "message_bytes": limits.message_bytes,
                "topics": limits.topics,
                "messages_per_second": limits.messages_per_second,
                "buffered_bytes": limits.buffered_bytes,
                "connections_per_key": limits.connections_per_key,
            },
        }

    async def _subscribe(self, operation: Operation, payload: SubscribePayload, caller: Caller) -> None:
        names = list(dict.fromkeys(payload.topics))
        most = self._desk.limits.topics
        if len(self.client.subscriptions.keys() | set(names)) > most:
            raise HubError("stream.limit", {"limit": "topics", "most": most})
        refused: dict[str, dict[str, object]] = {}
        wanted: list[Wanted] = []
        for name in names:
            try:
                wanted.append(wanted_topic(self._allowed_topic(name, caller), payload))
            except HubError as error:
                refused[name] = self._desk.wording.topic_refused(error, self.language)

        def answer(granted: dict[str, Granted]) -> None:
            entries = {**refused, **{name: self._entry(one) for name, one in granted.items()}}
            self._answer(operation, {"topics": {name: entries[name] for name in names}})

        await self._desk.hub.subscribe(self.client, wanted, answer)

    def _entry(self, granted: Granted) -> dict[str, object]:
        if granted.code is None:
            return topic_granted(granted)
        return self._desk.wording.topic_refused(HubError(granted.code), self.language)

    def _allowed_topic(self, name: str, caller: Caller) -> Topic:
        topic = parse_topic(name)
        if topic is None:
            raise HubError("stream.unknown_topic", {"topic": name})
        if SCOPES[topic.family] not in caller.scopes:
            raise HubError("auth.scope_missing", {"scope": SCOPES[topic.family]})
        if topic.symbol is not None and not self._desk.knows(topic.symbol):
            raise HubError("market.unknown_symbol", {"symbols": [topic.symbol]})
        return topic

    def _unsubscribe(self, operation: Operation, payload: UnsubscribePayload) -> None:
        names: Sequence[str] = list(dict.fromkeys(payload.topics))
        self._desk.hub.unsubscribe(self.client, names)
        entries: dict[str, dict[str, object]] = {}
        for name in names:
            unknown = HubError("stream.unknown_topic", {"topic": name})
            refused = self._desk.wording.topic_refused(unknown, self.language)
            entries[name] = {"ok": True} if parse_topic(name) is not None else refused
        self._answer(operation, {"topics": entries})

    async def _cancel_on_disconnect(
        self, operation: Operation, payload: CancelOnDisconnectPayload, caller: Caller
    ) -> None:
        switches = self._desk.cancel_on_disconnect
        if "trade:write" not in caller.scopes:
            raise HubError("auth.scope_missing", {"scope": "trade:write"})
        if switches is None or caller.account_id is None:
            raise HubError("account.not_open")
        try:
            if payload.enabled:
                terms = Terms(payload.grace_ms, payload.spare_reduce_only)
                await switches.enable(self, caller, caller.account_id, terms)
            else:
                await switches.disable(self, caller, caller.account_id)
        finally:
            if self.client.closed:
                self._leave_switch()
        self._answer(operation, payload)

    def _leave_switch(self, silent_since: float | None = None) -> None:
        if self._desk.cancel_on_disconnect is not None:
            self._desk.cancel_on_disconnect.gone(self, silent_since)

    def _refuse(self, operation: Operation, error: HubError) -> None:
        """Answer no; before `auth` has succeeded that also ends the connection, unless trying again can help."""
        if self.client.closed:
            return
        self.client.send(self._desk.wording.refusal_frame(operation.op, operation.id, error, self.language))
        if self.caller is None:
            code = close_codes.NOT_AUTHENTICATED if operation.op != "auth" else close_codes.of_status(error.kind.status)
            if code is not None:
                self.close(code)

    def _answer(self, operation: Operation, payload: object, op: str | None = None) -> None:
        self.client.send(answer_frame(op or operation.op, operation.id, payload))

    def _server_time(self) -> int:
        return milliseconds(self._desk.clock.now())

    def _too_slow(self) -> None:
        self.close(close_codes.TOO_SLOW)
