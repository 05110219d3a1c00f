"""How sending mails has gone in this process, for its heartbeat and whoever asks whether mail works."""

from typing import Any

from ops.runtime.clock import Clock


class MailReport:
    """The last success and the last failure. Holds no address, no code and no password."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_success_at: int | None = None
        self._last_error_at: int | None = None
        self._last_error: str | None = None
        self._reachable: bool | None = None
        self._reachable_at: int | None = None

    def worked(self) -> None:
        """The server took a mail."""
        self._last_success_at = self._clock.now()
        self._reachable, self._reachable_at = True, self._clock.now()

    def failed(self, reason: str) -> None:
        """The server did not, for `reason`."""
        self._last_error_at, self._last_error = self._clock.now(), reason

    def reached(self, trouble: str | None = None) -> None:
        """The server was asked whether it is there; `trouble`: it did not answer."""
        self._reachable, self._reachable_at = trouble is None, self._clock.now()
        if trouble is not None:
            self.failed(trouble)

    def details(self) -> dict[str, Any]:
        """`last_success_at`, `last_error_at` (ns or None), `last_error`, whether the last try `worked` (None: no try), and whether
        the server was `reachable` when it was last used or asked, at `reachable_at` (None: it was not yet).
        """
        tried = self._last_success_at or self._last_error_at
        return {
            "last_success_at": self._last_success_at,
            "last_error_at": self._last_error_at,
            "last_error": self._last_error,
            "reachable": self._reachable,
            "reachable_at": self._reachable_at,
            "worked": None if tried is None else (self._last_success_at or 0) >= (self._last_error_at or 0),
        }
