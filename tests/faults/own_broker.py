"""A Kafka of a test's own, which it may kill."""

import asyncio
import os
import socket
import tempfile
from pathlib import Path


class Broker:
    """Uses the programs that `services.sh` installed, where they are."""

    def __init__(self, script: Path, directory: Path, port: int) -> None:
        self._script, self._directory, self._port = script, directory, port

    async def do(self, verb: str, *arguments: str) -> str:
        services = os.environ.get("SERVICES_DIR", str(Path(tempfile.gettempdir()) / "hub-services"))
        library = Path(os.environ.get("KAFKA_LIB", str(Path(services) / "kafka")))
        process = await asyncio.create_subprocess_exec(
            str(self._script),
            verb,
            str(self._directory),
            *arguments,
            env=os.environ | {"KAFKA_LIB": str(library)},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, f"kafka.sh {verb} failed"
        return output.decode().strip()

    async def start(self) -> str:
        return await self.do("start", str(self._port))


def free_ports() -> int:
    """A port that is free, and so is the one above it (the controller's)."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
