"""A command: a coroutine that yields events (JSON-able dicts), run by the CLI or over the ops port of a running `up`."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops.processes.platform import Platform

Arguments = Mapping[str, Any]
Event = dict[str, Any]
Command = Callable[["Platform", Arguments], AsyncIterator[Event]]

EXIT_FAILED = 1
EXIT_DATA = 65
EXIT_UNAVAILABLE = 69
EXIT_TEMPORARY = 75


class CommandFailed(Exception):
    """A command refuses or fails, in one readable line, with the exit code that says what kind it was."""

    def __init__(self, text: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(text)
        self.exit_code = exit_code
