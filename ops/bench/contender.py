"""A server under measurement: a process of its own that says `ready`, and how a reader greets it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from ops.bench.connecting import Greeting


@dataclass(frozen=True, slots=True)
class Contender:
    """`command` starts it; `helper` is a second process (a publisher) whose CPU is not counted. `frame_bytes` is what one
    message takes on the wire.
    """

    command: Sequence[str]
    greet: Greeting
    frame_bytes: int
    environment: Mapping[str, str] = field(default_factory=dict)
    helper: Sequence[str] = ()
    ready_line: str = "ready"


Make = Callable[[int, Any], Contender]
"""Makes the contender that listens on a port and sends a load."""


def free_port() -> int:
    """A port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(contender: Contender) -> AbstractContextManager["subprocess.Popen[str]"]:
    """The contender's process, once it is ready."""
    return running(contender.command, contender.environment, contender.ready_line)


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], ready_line: str
) -> Iterator["subprocess.Popen[str]"]:
    """The process once it has printed a line that holds `ready_line`; killed at the end. See `running_and_said`."""
    with running_and_said(command, environment, ready_line) as (process, _):
        yield process


@contextmanager
def running_and_said(
    command: Sequence[str], environment: Mapping[str, str], ready_line: str
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The process and the line, which holds `ready_line`, by which it said that it is ready; killed at the end.

    It does not see our own settings. Raises `RuntimeError` with what it printed when it does not get there within 60 s.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("OMNIAXS_")}
    process = subprocess.Popen(
        list(command),
        env={**own, **environment},
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
        if process.stdout is not None:
            process.stdout.close()


def _await_line(process: "subprocess.Popen[str]", wanted: str) -> str:
    lines = process.stdout or ()
    too_late = threading.Timer(60, process.kill)
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


def python(module: str, *arguments: object) -> list[str]:
    """A command that runs one of our modules in this interpreter."""
    return [sys.executable, "-m", module, *(str(argument) for argument in arguments)]
