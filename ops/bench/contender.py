"""A server under measurement: a process of its own that says when it is ready, and how a reader greets it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from ops.bench.connecting import Greeting
from ops.bench.ports import free_port


@dataclass(frozen=True, slots=True)
class Load:
    """`burst` messages every `every` ms; 0 of them: a server that only holds sockets."""

    burst: int
    every: int


_READY_SECONDS = 120.0
SILENCE = Load(burst=0, every=1_000)
SIZE = 200
"""Bytes of text of a message, where a benchmark has no reason for another size."""


@dataclass(frozen=True, slots=True)
class Contender:
    """`command` starts it; `greeting` makes the readers' greeting of the line by which it says that it is ready.

    It is silent until it is told a load (`commanded`). `helper` is a second process, whose CPU is not counted, which
    publishes in its place; `frame_bytes` is what one message takes on the wire.
    """

    command: Sequence[str]
    greeting: Callable[[str], Greeting]
    frame_bytes: int
    environment: Mapping[str, str] = field(default_factory=dict)
    helper: Sequence[str] = ()
    ready_line: str = "ready"


@dataclass(frozen=True, slots=True)
class Running:
    """A contender that runs: its process, its port and what its readers do first."""

    pid: int
    port: int
    greet: Greeting
    publisher: "subprocess.Popen[str]"

    def send(self, load: Load) -> None:
        """Have it send that from now on."""
        if self.publisher.stdin is not None:
            self.publisher.stdin.write(f"{load.burst} {load.every}\n")
            self.publisher.stdin.flush()


Make = Callable[[int, int], Contender]
"""Makes the contender that listens on a port and sends messages of that many bytes of text."""


@contextmanager
def started(make: Make, size: int = SIZE) -> Iterator[Running]:
    """The contender on a free port, and its helper, until the end; silent so far."""
    port = free_port()
    contender = make(port, size)
    with ExitStack() as running:
        process, line = running.enter_context(
            process_of(contender.command, contender.ready_line, contender.environment)
        )
        publisher = process
        if contender.helper:
            publisher, _ = running.enter_context(process_of(contender.helper, "ready"))
        yield Running(process.pid, port, contender.greeting(line), publisher)


def python(module: str, *arguments: object) -> list[str]:
    """A command that runs one of our modules in this interpreter."""
    return [sys.executable, "-m", module, *(str(argument) for argument in arguments)]


@contextmanager
def process_of(
    command: Sequence[str], ready_line: str, environment: Mapping[str, str] | None = None
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The process and the line, which holds `ready_line`, by which it said that it is ready; killed at the end.

    It sees none of our own settings. Raises `RuntimeError` with what it printed when it does not get there within two minutes.
    """
    outside = {name: value for name, value in os.environ.items() if not name.startswith("OMNIAXS_")}
    process = subprocess.Popen(
        list(command),
        env={**outside, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    try:
        yield process, _await_line(process, ready_line)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def _await_line(process: "subprocess.Popen[str]", wanted: str) -> str:
    lines = process.stdout or ()
    too_late = threading.Timer(_READY_SECONDS, process.kill)
    too_late.start()
    printed = []
    try:
        for line in lines:
            printed.append(line)
            if wanted in line:
                return line
    finally:
        too_late.cancel()
    raise RuntimeError(f"{process.args!r} did not become ready:\n{''.join(printed[-20:])}")
