"""What a process knows of its own health: named checks, each a problem in words or None."""

import asyncio
from collections.abc import Awaitable, Callable

Check = Callable[[], Awaitable[str | None]]
_CHECK_SECONDS = 0.9  # an orchestrator asks with a time-out of 1 s


class Health:
    """Checks that decide readiness. A check that does not answer within 0.9 s is itself a problem."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._draining = False

    def add(self, name: str, check: Check) -> None:
        """Ask `check` whenever readiness is asked for."""
        self._checks[name] = check

    def drain(self) -> None:
        """From now on not ready: the process is about to stop."""
        self._draining = True

    async def problems(self) -> dict[str, str]:
        """What is wrong, by check name; empty means ready."""
        answers = await asyncio.gather(*(self._ask(check) for check in self._checks.values()))
        found = {name: problem for name, problem in zip(self._checks, answers, strict=True) if problem}
        return {"process": "draining", **found} if self._draining else found

    async def _ask(self, check: Check) -> str | None:
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                return await check()
        except TimeoutError:
            return f"no answer within {_CHECK_SECONDS:g} s"
