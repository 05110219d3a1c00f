"""Toxiproxy by its HTTP interface: TCP links that break on command."""

from typing import Any, Literal

import aiohttp

from tests.faults.own_services import Service

Stream = Literal["upstream", "downstream"]
LONGEST_ANSWER_SECONDS = 60.0
"""To take a toxic out it waits for the link, which may be held up by a process that is stopped."""


class Toxiproxy:
    """Use `open` first. A link has a name and stands between a port and a service on loopback."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._http: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Start the program."""
        await self._service.start()
        self._http = aiohttp.ClientSession(
            f"http://127.0.0.1:{self._service.port}", timeout=aiohttp.ClientTimeout(total=LONGEST_ANSWER_SECONDS)
        )

    async def close(self) -> None:
        """End it, and every link with it."""
        if self._http is not None:
            await self._http.close()
        await self._service.do("stop")

    async def link(self, name: str, port: int, to: int) -> None:
        """Let `port` lead to the service at port `to`."""
        await self._ask("POST", "/proxies", _link(name, port, to))

    async def poison(self, link: str, toxic: str, stream: Stream, attributes: dict[str, int]) -> None:
        """Put a toxic of the kind `toxic` into one direction; `downstream` is from the service to the client."""
        named = {"name": f"{toxic}-{stream}", "type": toxic, "stream": stream, "attributes": attributes}
        await self._ask("POST", f"/proxies/{link}/toxics", named)

    async def heal(self, link: str, toxic: str, stream: Stream) -> None:
        """Take it out again."""
        await self._ask("DELETE", f"/proxies/{link}/toxics/{toxic}-{stream}")

    async def cut(self, link: str) -> None:
        """End its connections and refuse new ones."""
        await self._ask("POST", f"/proxies/{link}", {"enabled": False})

    async def join(self, link: str) -> None:
        """Let connections through again."""
        await self._ask("POST", f"/proxies/{link}", {"enabled": True})

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        assert self._http is not None, "not open"
        async with self._http.request(method, path, json=body) as answer:
            assert answer.status < 300, f"{method} {path}: {answer.status} {await answer.text()}"


def _link(name: str, port: int, to: int) -> dict[str, Any]:
    return {"name": name, "listen": f"127.0.0.1:{port}", "upstream": f"127.0.0.1:{to}", "enabled": True}
