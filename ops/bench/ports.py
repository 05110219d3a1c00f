"""Ports for processes that are started, killed and started again on this machine."""

import random
import socket
from typing import Final

FIRST_PORT: Final = 10_240
PORTS_END: Final = 32_000
"""Below the ports that the kernel gives to whoever connects, so that what was killed finds its own free."""
_given: set[int] = set()


def free_port() -> int:
    """A port that is free, and that nobody in this process was given before: it may not be taken yet."""
    return port_block(1)


def port_block(count: int) -> int:
    """The first of so many such ports in a row."""
    while True:
        first = random.SystemRandom().randrange(FIRST_PORT, PORTS_END - count)
        ports = range(first, first + count)
        if _given.isdisjoint(ports) and all(map(_is_free, ports)):
            _given.update(ports)
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
