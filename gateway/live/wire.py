"""The seam between a client and its socket."""

from collections.abc import Callable
from typing import Protocol


class Wire(Protocol):
    """One connection's way out. Nothing here waits."""

    write: Callable[[bytes], None]
    """Hands whole frames to the write buffer."""
    buffered: Callable[[], int]
    """Bytes in the process's write buffer."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame; nothing may be written afterwards."""
        ...

    def abort(self) -> None:
        """Drop the connection and what is buffered at once."""
        ...
