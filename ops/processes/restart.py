"""A process that lost log or store waits for them and then begins anew, from its first line.

What ends a worker is by design its only way out (docs/decisions/0028): nothing is repaired in place, what was not
committed is read again. So that an outage does not need an operator, the process itself is the supervisor.
"""

import asyncio
import logging
import os
import sys
from contextlib import suppress

from ops.processes.platform import NotSetUp, opened_platform, require_set_up
from ops.runtime.settings import Settings
from storage.log.port import LogUnavailable
from storage.mongo.connect import StoreUnavailable

_log = logging.getLogger(__name__)
PAUSE_SECONDS = 2.0


async def until_reachable(settings: Settings, stop: asyncio.Event) -> bool:
    """Wait until log and store answer and are set up; False when `stop` was set before. Pauses 2 s before each try."""
    while not stop.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_SECONDS):
                await stop.wait()
                return False
        try:
            async with opened_platform(settings) as platform:
                await require_set_up(platform)
        except (LogUnavailable, StoreUnavailable, NotSetUp) as error:
            _log.warning("waiting: %s", error)
        else:
            return True
    return False


def begin_anew() -> None:
    """Replace this process by a new one of the same command line; its id stays, sockets and files are closed."""
    _log.warning("log and store answer: this process begins anew")
    os.execv(sys.executable, [sys.executable, "-m", "ops.cli", *sys.argv[1:]])  # noqa: S606  (our own command line)
