"""What the processes of a storm stand on: a Kafka, a store and a Redis of its own, each process with links of its own to them.

Kafka tells its clients where to go on, so each process has a listener of its own there, which advertises that process's link.
"""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.bench.ports import port_block
from tests.faults.order_road.fleet import Member
from tests.faults.own_services import Service
from tests.faults.storm.toxiproxy import Toxiproxy

BROKER, DATABASE, LIMITS = "kafka", "mongo", "redis"
_SHARED_PORTS = 5
_PORTS_OF_ONE = 4


@dataclass(frozen=True, slots=True)
class Ports:
    """Of one process: its listener at the broker, and its links."""

    listener: int
    to_broker: int
    to_database: int
    to_limits: int


class Ground:
    """`names` are those of the processes."""

    def __init__(self, scripts: Path, folder: Path, names: list[str]) -> None:
        first = port_block(_SHARED_PORTS + _PORTS_OF_ONE * len(names))
        starts = range(first + _SHARED_PORTS, first + _SHARED_PORTS + _PORTS_OF_ONE * len(names), _PORTS_OF_ONE)
        self.ports = {
            name: Ports(*range(start, start + _PORTS_OF_ONE)) for name, start in zip(names, starts, strict=True)
        }
        private = {"TMPDIR": str(folder)}  # one script notes there what it started last
        settings = {"KAFKA_CONF": _listeners(first, self.ports)}
        self.broker = Service("kafka", scripts, folder / "kafka", first, settings)
        self.database = Service("mongo", scripts, folder / "mongo", first + 2, private)
        self.limits = Service("redis", scripts, folder / "redis", first + 3)
        self.toxiproxy = Toxiproxy(Service("toxiproxy", scripts, folder / "toxiproxy", first + 4))

    async def open(self) -> None:
        """Start everything."""
        await self.database.do("install")
        await asyncio.gather(self.broker.start(), self.database.start(), self.limits.start(), self.toxiproxy.open())
        for name, ports in self.ports.items():
            await self.toxiproxy.link(link_of(name, BROKER), ports.to_broker, ports.listener)
            await self.toxiproxy.link(link_of(name, DATABASE), ports.to_database, self.database.port)
            await self.toxiproxy.link(link_of(name, LIMITS), ports.to_limits, self.limits.port)

    async def close(self) -> None:
        """End everything, whatever state it is in."""
        for service in (self.broker, self.database, self.limits):
            service.wake()
        await asyncio.gather(*(service.do("stop") for service in (self.broker, self.database, self.limits)))
        await self.toxiproxy.close()
        for service in (self.broker, self.database, self.limits):
            shutil.rmtree(service.folder, ignore_errors=True)  # what is mounted there stays

    def directly(self, database_name: str) -> dict[str, str]:
        """Settings of who goes by no link."""
        return _settings(self.broker.port, self.database.port, self.limits.port) | {
            "OMNIAXS_STORE_DATABASE": database_name,
            "OMNIAXS_OPS_PORT": "0",
        }

    def of(self, member: Member) -> Mapping[str, str]:
        """Settings of a process."""
        ports = self.ports[member.name]
        return _settings(ports.to_broker, ports.to_database, ports.to_limits)


def link_of(name: str, service: str) -> str:
    """The link of a process to a service."""
    return f"{name}.{service}"


def _settings(broker: int, database: int, limits: int) -> dict[str, str]:
    return {
        "OMNIAXS_LOG_URL": f"kafka://127.0.0.1:{broker}",
        "OMNIAXS_STORE_URL": f"mongodb://127.0.0.1:{database}/?directConnection=true",
        "OMNIAXS_LIMITS_URL": f"redis://127.0.0.1:{limits}/0",
    }


def _listeners(first: int, ports: Mapping[str, Ports]) -> str:
    """The broker's own listener and controller as its script has them, and one for each process."""
    names = {f"M{number}": one for number, one in enumerate(ports.values())}
    own = f"PLAINTEXT://127.0.0.1:{first}"
    listeners = [own, f"CONTROLLER://127.0.0.1:{first + 1}"]
    listeners += [f"{name}://127.0.0.1:{one.listener}" for name, one in names.items()]
    advertised = [own, *(f"{name}://127.0.0.1:{one.to_broker}" for name, one in names.items())]
    protocols = [f"{name}:PLAINTEXT" for name in ("PLAINTEXT", "CONTROLLER", *names)]
    return ";".join(
        [
            f"listeners={','.join(listeners)}",
            f"advertised.listeners={','.join(advertised)}",
            f"listener.security.protocol.map={','.join(protocols)}",
            "num.network.threads=1",
        ]
    )
