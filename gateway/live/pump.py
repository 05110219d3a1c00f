"""Looks after the clients for which something waits, every few milliseconds, as long as there are any."""

import asyncio
from typing import Final

from gateway.live.client import Client

PUMP_SECONDS: Final = 0.005


class Pump:
    """Writes what waits for slow clients as they make room. One timer for all; none while nobody is slow."""

    def __init__(self) -> None:
        self._clients: set[Client] = set()
        self._scheduled = False

    def __len__(self) -> int:
        return len(self._clients)

    def add(self, client: Client) -> None:
        """Pump `client` until nothing waits for it."""
        self._clients.add(client)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(PUMP_SECONDS, self._turn)

    def _turn(self) -> None:
        self._clients = {client for client in self._clients if not client.closed and not client.pump()}
        self._scheduled = bool(self._clients)
        if self._scheduled:
            asyncio.get_running_loop().call_later(PUMP_SECONDS, self._turn)
