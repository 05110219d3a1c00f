"""From Dramatiq's threads to the process's loop: a thread hands its job's coroutine over and waits for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from typing import Final

from dramatiq.errors import Retry
from dramatiq.middleware import Interrupt

from storage.mongo.failures import StoreUnavailable
from workers.jobs import JobBody, TryAgain

LOOK_SECONDS: Final = 0.25
"""How often a waiting thread can be interrupted: a time limit or a shutdown reaches it no sooner."""
_STORE_PAUSE_MS: Final = 2_000


class LoopBridge:
    """Runs bodies of jobs on `loop` for other threads. What was bound to the thread's context is bound in the body's too."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: set[Future[None]] = set()

    def actor_of(self, body: JobBody, argument: str) -> Callable[..., None]:
        """A function for Dramatiq that takes the one named argument and returns or raises when the body has."""

        def actor(**arguments: str) -> None:
            try:
                self._run(body, arguments[argument])
            except TryAgain as trouble:
                raise Retry(str(trouble), delay=round(trouble.seconds * 1000)) from None
            except StoreUnavailable as trouble:
                raise Retry(str(trouble), delay=_STORE_PAUSE_MS) from None
            except CancelledError:
                raise Retry("interrupted") from None

        return actor

    def interrupt(self) -> None:
        """Cancel the bodies that run; their jobs are tried again, by whoever takes them next."""
        for future in list(self._running):
            future.cancel()

    def _run(self, body: JobBody, argument: str) -> None:
        async def call() -> None:
            await body(argument)

        future = asyncio.run_coroutine_threadsafe(call(), self._loop)
        self._running.add(future)
        try:
            while not wait([future], timeout=LOOK_SECONDS).done:
                pass
            future.result()
        except Interrupt:
            future.cancel()
            raise
        finally:
            self._running.discard(future)
