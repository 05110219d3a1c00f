"""What the body of a job is: a coroutine of one id that runs on the process's own loop, and how it asks to be tried again."""

from collections.abc import Awaitable, Callable

JobBody = Callable[[str], Awaitable[None]]
"""Does a job, once or again. `TryAgain`, `StoreUnavailable` and errors of its own lead to another try, `ValueError` (the id
names nothing that can be) to none.
"""


class TryAgain(Exception):
    """The job is to be tried again after `seconds`; nothing is wrong that a log line with a traceback would tell."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds
