"""Whole processes, started as an operator starts them, each with ports, topics and a database of its own."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

START_SECONDS = 60
NO_AUTH_LIMITS = {"OMNIAXS_AUTH_REQUESTS_PER_MINUTE": "1000", "OMNIAXS_AUTH_ATTEMPTS_PER_MINUTE": "1000"}
"""All tests call from one address, and count in one Redis."""


@dataclass
class Processes:
    """Starts `omniaxs` commands in `folder` with `environment`, and ends them."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """A process whose standard error goes to a file of the folder."""
        log = (self.folder / f"{'-'.join(arguments[:2]).replace('/', '_')}-{len(self.running)}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "ops.cli", *arguments],
            cwd=self.folder,
            env=self._variables(environment),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        self.running.append(process)
        return process

    def run(
        self, *arguments: str, seconds: float = START_SECONDS, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """A command that ends by itself."""
        return subprocess.run(
            [sys.executable, "-m", "ops.cli", *arguments],
            cwd=self.folder,
            env=self._variables(environment),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def _variables(self, more: dict[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OMNIAXS_")}
        return {**inherited, **self.environment, **more}

    def logs(self) -> str:
        """Everything that was written to standard error, by file."""
        return "\n".join(f"== {path.name}\n{path.read_text()}" for path in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        """SIGTERM all, then SIGKILL what does not end."""
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass(frozen=True)
class LocalUp:
    """A running local profile: its JSON line, the folder in which it runs, and the secrets that tests have sent to it or got from
    it, by what they are.
    """

    line: dict
    processes: Processes
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.line["http"])


@pytest.fixture(scope="module")
def local_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalUp]:
    """`omniaxs up --json` on free ports, with the synthetic feed of seed 7."""
    processes = Processes(tmp_path_factory.mktemp("up"), NO_AUTH_LIMITS)
    up = processes.start("up", "--json", "--port", "0", "--ops-port", "0", "--seed", "7")
    first = up.stdout.readline() if up.stdout else ""
    if not first:
        processes.stop()
        pytest.fail(f"`omniaxs up --json` printed nothing:\n{processes.logs()}")
    yield LocalUp(json.loads(first), processes)
    processes.stop()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Processes of the test's own making."""
    made = Processes(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def cluster(tmp_path: Path, kafka_address: str, mongo_url: str) -> Iterator[Processes]:
    """The cluster profile on the real services: topics with a prefix of their own and a database of its own."""
    name = f"e2e{secrets.token_hex(4)}"
    processes = Processes(
        tmp_path,
        {
            "OMNIAXS_LOG_URL": f"kafka://{kafka_address}",
            "OMNIAXS_STORE_URL": mongo_url,
            "OMNIAXS_STORE_DATABASE": name,
            "OMNIAXS_TOPIC_PREFIX": f"{name}.",
            "OMNIAXS_OPS_PORT": "0",
            "OMNIAXS_PORT": "0",
            **NO_AUTH_LIMITS,
        },
    )
    for command in (("db", "migrate"), ("topics", "apply"), ("markets", "load")):
        done = processes.run(*command)
        assert done.returncode == 0, done.stderr
    yield processes
    processes.stop()
