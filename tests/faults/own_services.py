"""Services of a test's own, which it may kill: the scripts beside the recorded data, on ports that nobody else has."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Service:
    """One of `kafka`, `mongo`, `redis`, `toxiproxy`. Uses the programs that were installed, where they are."""

    name: str
    scripts: Path
    folder: Path
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)

    async def do(self, verb: str, *arguments: str) -> str:
        """A verb of the script; its output. Raises `AssertionError` when it fails."""
        programs = os.environ.get("SERVICES_DIR", str(Path(tempfile.gettempdir()) / "hub-services"))
        process = await asyncio.create_subprocess_exec(
            "bash",
            str(self.scripts / f"{self.name}.sh"),
            verb,
            str(self.folder),
            *arguments,
            env={"KAFKA_LIB": str(Path(programs) / "kafka"), **os.environ, **self.environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, f"{self.name}.sh {verb}: {errors.decode()[-2_000:]}"
        return output.decode().strip()

    async def start(self) -> str:
        """Start it, again on the same data, and wait until it is ready."""
        return await self.do("start", str(self.port))

    async def kill(self) -> None:
        """SIGKILL."""
        await self.do("kill9")

    def pids(self) -> list[int]:
        """Of its processes that were started last."""
        files = [*self.folder.glob("pid"), *self.folder.glob("run/pid"), *self.folder.glob("node*/pid")]
        return [int(file.read_text()) for file in files]

    def pause(self) -> None:
        """SIGSTOP: it hangs, and so do the clients that wait for it."""
        for pid in self.pids():
            os.kill(pid, signal.SIGSTOP)

    def wake(self) -> None:
        """SIGCONT; nothing to what has ended."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
