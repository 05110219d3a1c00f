"""The cluster profile as processes that are killed at random and started again at once."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ops.bench.ports import port_block

FEED = ("BTCUSDT-PERP.BINANCE", "ETHUSDT-PERP.BINANCE", "BTCUSDT.BINANCE", "BRTI.INDEX")
ROLES = {
    "gateway": ("gateway",),
    "orders": ("streams", "--role", "orders"),
    "market": ("streams", "--role", "market"),
    "projection": ("streams", "--role", "projection"),
    "venues": ("streams", "--role", "venues"),
    "feed": ("feed", "synthetic", *(word for symbol in FEED for word in ("--symbol", symbol))),
}
MEMBERS = ("gateway", "gateway", "gateway", "orders", "orders", "market", "projection", "venues")
WATCH_SECONDS = 0.5
IN_ORDER = frozenset({0, -signal.SIGTERM, -signal.SIGKILL})
"""How a process may end that is told to: SIGTERM comes before its handler stands, SIGKILL after 20 s."""


class Exit(NamedTuple):
    """A process ended by itself with `code`, at this moment (monotonic)."""

    name: str
    code: int
    at: float

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


@dataclass(slots=True)
class Member:
    """One process; `starts` counts how often it was started. `held` is why it is not started again for the moment."""

    role: str
    number: int
    port: int
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    held: bool = True

    @property
    def name(self) -> str:
        return f"{self.role}-{self.number}"

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.returncode is None

    def send(self, number: signal.Signals) -> None:
        """Nothing to a process that has ended."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)


def _nothing_more(member: Member) -> Mapping[str, str]:
    return {}


@dataclass(slots=True)
class Fleet:
    """Starts `omniaxs` processes in `folder` with `environment`, and what `own` says of each; their standard error goes to
    files there. The feed is `feed`, not among the `members`. `killed` is what was done to them, `ended` who ended of
    itself, or was told to and ended in no order.
    """

    folder: Path
    environment: Mapping[str, str]
    roles: tuple[str, ...] = MEMBERS
    own: Callable[[Member], Mapping[str, str]] = _nothing_more
    killed: list[tuple[float, str]] = field(default_factory=list)
    ended: list[Exit] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    members: list[Member] = field(init=False)
    feed: Member = field(init=False)

    def __post_init__(self) -> None:
        self.members = [Member(role, number, port_block(1)) for number, role in enumerate(self.roles)]
        self.feed = Member("feed", len(self.members), 0)

    @property
    def everybody(self) -> list[Member]:
        return [*self.members, self.feed]

    async def start(self) -> None:
        """All of them."""
        for member in self.everybody:
            await self.launch(member)

    @property
    def gateways(self) -> list[str]:
        """Where they answer, whether or not they do at the moment."""
        return [f"http://127.0.0.1:{member.port}" for member in self.members if member.role == "gateway"]

    async def launch(self, member: Member) -> None:
        """Start, or start again; one that lives stays."""
        if member.lives:
            return
        member.starts += 1
        member.process = await self._start(member)
        member.held = False  # not before: who watches would take the process of before for one that has just ended

    async def watch(self) -> None:
        """Start again whoever ends without being told to, as a supervisor would, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            for member in self.everybody:
                if not member.lives and not member.held:
                    self._note_end(member)
                    await self.launch(member)

    async def kill(self, member: Member) -> None:
        """SIGKILL."""
        was_held, member.held = member.held, True
        member.send(signal.SIGKILL)
        if member.process is not None:
            await member.process.wait()
        if not was_held:
            self._note_end(member, {-signal.SIGKILL})
        self.note(member.name)

    async def end(self, member: Member) -> None:
        """SIGTERM, and SIGKILL after 20 s."""
        was_held, member.held = member.held, True
        member.send(signal.SIGTERM)
        if member.process is not None:
            try:
                await asyncio.wait_for(member.process.wait(), 20)
            except TimeoutError:
                member.send(signal.SIGKILL)
                await member.process.wait()
        if not was_held:
            self._note_end(member, IN_ORDER)

    def _note_end(self, member: Member, expected: Collection[int] = ()) -> None:
        """Note how it ended, if that is not what was to be expected."""
        code = member.process.returncode if member.process is not None else None
        if code is not None and code not in expected:
            self.ended.append(Exit(member.name, code, time.monotonic()))

    async def kill_one(self, chance: random.Random) -> str:
        """SIGKILL one at random, and start it again."""
        member = chance.choice(self.members)
        await self.kill(member)
        await self.launch(member)
        return member.name

    async def pause_one(self, role: str, seconds: float, chance: random.Random) -> str:
        """SIGSTOP one process of a role, for longer than the group waits for it, then SIGCONT: it wakes up superseded."""
        member = chance.choice([member for member in self.members if member.role == role])
        member.send(signal.SIGSTOP)
        self.note(f"{member.name} (paused for {seconds:.0f} s)")
        await asyncio.sleep(seconds)
        member.send(signal.SIGCONT)
        return member.name

    def note(self, what: str) -> None:
        """Something was done to it now."""
        self.killed.append((time.monotonic() - self.began, what))

    async def stop(self) -> None:
        """SIGTERM to all, then SIGKILL."""
        await asyncio.gather(*(self.end(member) for member in self.everybody))

    async def _start(self, member: Member) -> asyncio.subprocess.Process:
        port = {"OMNIAXS_PORT": str(member.port)} if member.role == "gateway" else {}
        with (self.folder / f"{member.name}.log").open("a") as errors:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ops.cli",
                *ROLES[member.role],
                cwd=self.folder,
                env={**os.environ, **self.environment, **self.own(member), **port},
                stdout=asyncio.subprocess.DEVNULL,
                stderr=errors,
            )

    def logs(self, lines: int = 15) -> str:
        """The ends of what they wrote."""
        return "\n".join(
            f"== {path.name}\n" + "\n".join(path.read_text().splitlines()[-lines:])
            for path in sorted(self.folder.glob("*.log"))
        )


@asynccontextmanager
async def running(fleet: Fleet) -> AsyncIterator[None]:
    """Its processes run, and who ends is started again. Prints what they wrote when something goes wrong."""
    await fleet.start()
    watching = asyncio.create_task(fleet.watch())
    try:
        yield
    except BaseException:
        print(fleet.logs())  # noqa: T201
        raise
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await fleet.stop()
