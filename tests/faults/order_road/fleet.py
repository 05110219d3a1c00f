"""The cluster profile as processes that are killed at random and started again at once."""

import asyncio
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
    files there. The feed is `feed`, not among the `members`.
    """

    folder: Path
    environment: Mapping[str, str]
    roles: tuple[str, ...] = MEMBERS
    own: Callable[[Member], Mapping[str, str]] = _nothing_more
    killed: list[tuple[float, str]] = field(default_factory=list)
    ended: list[tuple[float, str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    members: list[Member] = field(init=False)
    feed: Member = field(init=False)

    def __post_init__(self) -> None:
        self.members = [Member(role, number, _free_port()) for number, role in enumerate(self.roles)]
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
        """Start, or start again."""
        member.starts += 1
        member.held = False
        member.process = await self._start(member)

    async def watch(self) -> None:
        """Start again whoever ends without being told to, as a supervisor would, until cancelled; `ended` has them all."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            for member in self.everybody:
                if member.process is not None and not member.lives and not member.held:
                    self.ended.append((time.monotonic() - self.began, f"{member.name} ({member.process.returncode})"))
                    await self.launch(member)

    async def kill(self, member: Member) -> None:
        """SIGKILL."""
        member.held = True
        member.send(signal.SIGKILL)
        if member.process is not None:
            await member.process.wait()
        self.note(member.name)

    async def end(self, member: Member) -> None:
        """SIGTERM, and SIGKILL after 20 s."""
        member.held = True
        member.send(signal.SIGTERM)
        if member.process is not None:
            try:
                await asyncio.wait_for(member.process.wait(), 20)
            except TimeoutError:
                member.send(signal.SIGKILL)
                await member.process.wait()

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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
