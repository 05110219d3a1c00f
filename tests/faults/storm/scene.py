"""Everything that a fault can touch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.processes.platform import Platform
from tests.faults.order_road.fleet import Fleet, Member
from tests.faults.order_road.followers import Follower
from tests.faults.own_services import Service
from tests.faults.storm.clocks import STEPPED_ROLES, Clocks
from tests.faults.storm.ground import BROKER, DATABASE, LIMITS, Ground

CONNECTORS = ("sim-a",)


@dataclass(slots=True)
class Scene:
    """`disk` is the broker's own, if it has one. `keys` are those of people who may open connections."""

    fleet: Fleet
    ground: Ground
    clocks: Clocks
    platform: Platform
    followers: Sequence[Follower]
    keys: Sequence[tuple[str, str]]
    disk: Path | None = None

    @property
    def targets(self) -> list[str]:
        """The names of everything that can be touched."""
        return targets_of(self.fleet, with_disk=self.disk is not None)

    def member(self, name: str) -> Member:
        """The process of that name."""
        return next(one for one in self.fleet.everybody if one.name == name)

    def service(self, name: str) -> Service:
        """The service of that name."""
        return {BROKER: self.ground.broker, DATABASE: self.ground.database, LIMITS: self.ground.limits}[name]


def targets_of(fleet: Fleet, *, with_disk: bool) -> list[str]:
    """What can be touched where these processes run (see `catalogue`)."""
    members, gateways = fleet.everybody, [one.name for one in fleet.members if one.role == "gateway"]
    return [
        *(f"process/{one.name}" for one in members),
        *(f"link/{one.name}/{service}" for one in members for service in (BROKER, DATABASE)),
        *(f"link/{name}/{LIMITS}" for name in gateways),
        *(f"clock/{one.name}" for one in fleet.members if one.role in STEPPED_ROLES),
        *(f"readers/{name}" for name in gateways),
        *(f"service/{service}" for service in (BROKER, DATABASE, LIMITS)),
        *(f"venue/{connector}" for connector in CONNECTORS),
        *([f"disk/{BROKER}"] if with_disk else []),
    ]
