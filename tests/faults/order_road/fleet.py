"""The cluster profile as processes that are killed at random and started again at once."""

import asyncio
import os
import random
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROLES = {
    "gateway": ("gateway",),
    "orders": ("streams", "--role", "orders"),
    "market": ("streams", "--role", "market"),
    "projection": ("streams", "--role", "projection"),
    "venues": ("streams", "--role", "venues"),
}
FEED = ("BTCUSDT-PERP.BINANCE", "ETHUSDT-PERP.BINANCE", "BTCUSDT.BINANCE", "BRTI.INDEX")
MEMBERS = ("gateway", "gateway", "gateway", "orders", "orders", "market", "projection", "venues")


@dataclass(slots=True)
class Member:
    """One process; `starts` counts how often it was started."""

    role: str
    number: int
    port: int
    process: asyncio.subprocess.Process | None = None
    starts: int = 0

    @property
    def name(self) -> str:
        return f"{self.role}-{self.number}"


@dataclass(slots=True)
class Fleet:
    """Starts `omniaxs` processes in `folder` with `environment`; their standard error goes to files there."""

    folder: Path
    environment: dict[str, str]
    members: list[Member] = field(default_factory=list)
    killed: list[tuple[float, str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _feed: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """All of them; the feed is not among those that are killed."""
        self.members = [Member(role, number, _free_port()) for number, role in enumerate(MEMBERS)]
        for member in self.members:
            await self.launch(member)
        symbols = [word for symbol in FEED for word in ("--symbol", symbol)]
        self._feed = await self._start("feed", ("feed", "synthetic", *symbols), {})

    @property
    def gateways(self) -> list[str]:
        """Where they answer, whether or not they do at the moment."""
        return [f"http://127.0.0.1:{member.port}" for member in self.members if member.role == "gateway"]

    async def launch(self, member: Member) -> None:
        """Start, or start again."""
        member.starts += 1
        port = {"OMNIAXS_PORT": str(member.port)} if member.role == "gateway" else {}
        member.process = await self._start(member.name, ROLES[member.role], port)

    async def kill_one(self, chance: random.Random) -> str:
        """SIGKILL one at random, and start it again."""
        member = chance.choice(self.members)
        if member.process is not None and member.process.returncode is None:
            member.process.kill()
            await member.process.wait()
        self.killed.append((time.monotonic() - self.began, member.name))
        await self.launch(member)
        return member.name

    async def pause_one(self, role: str, seconds: float, chance: random.Random) -> str:
        """SIGSTOP one process of a role, for longer than the group waits for it, then SIGCONT: it wakes up superseded."""
        member = chance.choice([member for member in self.members if member.role == role])
        process = member.process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGSTOP)
            self.killed.append((time.monotonic() - self.began, f"{member.name} (paused for {seconds:.0f} s)"))
            await asyncio.sleep(seconds)
            process.send_signal(signal.SIGCONT)
        return member.name

    async def stop(self) -> None:
        """SIGTERM to all, then SIGKILL."""
        running = [member.process for member in self.members] + [self._feed]
        alive = [process for process in running if process is not None and process.returncode is None]
        for process in alive:
            process.terminate()
        await asyncio.gather(*(self._end(process) for process in alive))

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _start(self, name: str, arguments: tuple[str, ...], more: dict[str, str]) -> asyncio.subprocess.Process:
        with (self.folder / f"{name}.log").open("a") as errors:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ops.cli",
                *arguments,
                cwd=self.folder,
                env={**os.environ, **self.environment, **more},
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
