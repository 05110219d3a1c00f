"""One client as the fan-out sees it: its socket, what it subscribed to, and what waits for it while it is slow."""

from collections.abc import Callable, Sequence
from typing import Final

from gateway.live.backlog import Backlog, Losses
from gateway.live.frames import Address, Frame, json_frame
from gateway.live.limits import LiveLimits
from gateway.live.router import Route
from gateway.live.subscriptions import Subscription
from gateway.live.wire import Wire

_NO_ROUTES: Final[frozenset[Route]] = frozenset()
_DRAINED_BYTES: Final = 16 * 1024


class Client:
    """See `router.Member`. `account` is the account whose orders and risk it may see.

    `on_too_slow` is called to close it, `on_waiting` when something begins to wait: it must then be pumped until it is done.
    """

    __slots__ = (
        "__weakref__",
        "_limits",
        "_losses",
        "_on_too_slow",
        "_on_waiting",
        "_wire",
        "account",
        "backlog",
        "buffered",
        "closed",
        "routes",
        "subscriptions",
        "write",
        "written",
    )  # fmt: skip

    def __init__(
        self,
        wire: Wire,
        limits: LiveLimits,
        losses: Losses,
        on_waiting: "Callable[[Client], None]",
        on_too_slow: Callable[[], None],
    ) -> None:
        self._wire, self._limits, self._losses = wire, limits, losses
        self._on_waiting, self._on_too_slow = on_waiting, on_too_slow
        self.write, self.buffered = wire.write, wire.buffered
        self.written = 0
        self.backlog: Backlog | None = None
        self.account: str | None = None
        self.subscriptions: dict[str, Subscription] = {}
        self.routes = _NO_ROUTES
        self.closed = False

    @property
    def has_room(self) -> bool:
        """Whether it takes all that is live and its write buffer is nearly empty."""
        return self.backlog is None and self.buffered() <= _DRAINED_BYTES

    def send(self, data: bytes) -> None:
        """Write an answer or a message about the connection; too much that it does not read closes it."""
        if self.closed:
            return
        self._write(data)
        if self.buffered() > self._limits.buffered_bytes:
            self._on_too_slow()

    def hold(self, frames: Sequence[Frame]) -> None:
        """Send frames that must all arrive before what is live from now on: at once as far as there is room."""
        if self.closed or not frames:
            return
        backlog = self._waiting()
        fits = backlog.hold(frames)
        self.pump()
        if not fits and self.backlog is not None:
            self._on_too_slow()

    def absorb(self, frames: Sequence[Frame]) -> None:
        """Keep live frames by their delivery classes; says `lagging` before anything can be dropped."""
        if self.closed:
            return
        backlog = self._waiting()
        if not backlog.announced:
            backlog.announced = True
            self.send(json_frame({"type": "lagging", "buffered_bytes": self.buffered()}))
        for frame in frames:
            if not backlog.add(frame):
                self._on_too_slow()
                return

    def pump(self) -> bool:
        """Write what waits as far as there is room. True: nothing waits any more."""
        backlog = self.backlog
        while backlog is not None and not self.closed and self.buffered() <= _DRAINED_BYTES:
            self._write(b"".join(backlog.take(self._limits.slow_bytes // 2)))
            if not backlog:
                self.backlog = backlog = None
        return backlog is None

    def forget(self) -> None:
        """Drop what waits of topics that it no longer subscribes to."""
        if self.backlog is not None:
            self.backlog.keep_only(self._still_wants, self.subscriptions)

    def close(self, code: int, reason: str) -> None:
        """Send a close frame and drop what waits. Does nothing the second time."""
        if not self.closed:
            self.closed = True
            self.backlog = None
            self._wire.close(code, reason)

    def abort(self) -> None:
        """Drop the connection."""
        self.closed = True
        self._wire.abort()

    def _write(self, data: bytes) -> None:
        """A transport that was ended under us (uvloop then raises) ends this client, not who writes for all of them."""
        try:
            self.write(data)
        except RuntimeError:
            self.abort()
        else:
            self.written += len(data)

    def _waiting(self) -> Backlog:
        if self.backlog is None:
            self.backlog = Backlog(self._limits, self._subscribed_as, self._losses)
            self._on_waiting(self)
        return self.backlog

    def _still_wants(self, frame: Frame) -> bool:
        address = frame.address
        if self._subscribed_as(address) in self.subscriptions:
            return True
        return address.parts is not None and any(
            f"{address.family}.{part}" in self.subscriptions for part in frame.parts
        )

    def _subscribed_as(self, address: Address) -> str:
        wildcard = address.wildcard
        return wildcard if wildcard is not None and wildcard in self.subscriptions else address.topic
