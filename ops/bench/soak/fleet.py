"""The processes of the cluster profile, which are started again when they die, as a supervisor would."""

import contextlib
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops.bench.ports import free_port
from ops.bench.soak.plan import SYMBOLS, Plan

_STOP_SECONDS = 20.0
_LAST_LINES = 10


@dataclass(slots=True)
class Member:
    """One process; `port` is the public one of a gateway, 0 of others."""

    name: str
    arguments: tuple[str, ...]
    ops_port: int
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    starts: int = 0

    @property
    def pid(self) -> int:
        """Of the running process. Raises `LookupError` before the first start."""
        if self.process is None:
            raise LookupError(self.name)
        return self.process.pid


@dataclass(frozen=True, slots=True)
class Death:
    """A process that ended by itself: when (seconds since the beginning), its exit code, and the last lines of its log."""

    at: float
    name: str
    code: int
    said: str


@dataclass(slots=True)
class Fleet:
    """Runs in `folder`, where each process's standard error goes to a file, with `variables` and no other settings."""

    folder: Path
    variables: Mapping[str, str]
    members: list[Member] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)

    @property
    def gateways(self) -> list[str]:
        """Where they answer."""
        return [f"http://127.0.0.1:{member.port}" for member in self.members if member.port]

    def start(self, member: Member) -> None:
        """Start it, or start it again."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OMNIAXS_")}
        ports = {
            "OMNIAXS_OPS_PORT": str(member.ops_port),
            **({"OMNIAXS_PORT": str(member.port)} if member.port else {}),
        }
        with self._log_of(member).open("ab") as errors:
            member.process = subprocess.Popen(
                [sys.executable, "-m", "ops.cli", *member.arguments],
                cwd=self.folder,
                env={**inherited, **self.variables, **ports},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        member.starts += 1

    def look(self, at: float) -> list[Death]:
        """Note who has died since, and start them again."""
        found = []
        for member in self.members:
            code = member.process.poll() if member.process is not None else None
            if code is not None:
                found.append(Death(at, member.name, code, self.said(member)))
                self.start(member)
        self.deaths += found
        return found

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL to who does not end."""
        running = [member.process for member in self.members if member.process is not None]
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _log_of(self, member: Member) -> Path:
        return self.folder / f"{member.name}.log"

    def said(self, member: Member) -> str:
        """The last lines of its log."""
        return "\n".join(self._log_of(member).read_text(errors="replace").splitlines()[-_LAST_LINES:])


@contextlib.contextmanager
def running_fleet(folder: Path, variables: Mapping[str, str], plan: Plan) -> Iterator[Fleet]:
    """All roles, as many gateways as the plan has, and the synthetic feed of a few symbols; ended at the end."""
    fleet = Fleet(folder, variables, members(plan))
    try:
        for member in fleet.members:
            fleet.start(member)
        yield fleet
    finally:
        fleet.stop()


def members(plan: Plan) -> list[Member]:
    """Who runs, on free ports."""
    gateways = [
        Member(f"gateway-{number}", ("gateway",), free_port(), free_port()) for number in range(1, plan.gateways + 1)
    ]
    roles = [
        Member(role, ("streams", "--role", role), free_port()) for role in ("market", "orders", "venues", "projection")
    ]
    symbols = tuple(word for symbol in SYMBOLS for word in ("--symbol", symbol))
    others = [
        Member("workers", ("workers",), free_port()),
        Member("feed", ("feed", "synthetic", *symbols), free_port()),
    ]
    return [*gateways, *roles, *others]


def exposition_of(member: Member) -> str | None:
    """What the process exposes at the moment; None when it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{member.ops_port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return None


def is_ready(member: Member) -> bool:
    """Whether it says so."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{member.ops_port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
