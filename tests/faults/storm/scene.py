"""Everything that a fault can touch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    targets: list[str] = field(init=False)

    def __post_init__(self) -> None:
        members, gateways = self.fleet.everybody, [one.name for one in self.fleet.members if one.role == "gateway"]
        self.targets = [f"process/{one.name}" for one in members]
        self.targets += [f"link/{one.name}/{service}" for one in members for service in (BROKER, DATABASE)]
        self.targets += [f"link/{name}/{LIMITS}" for name in gateways]
        self.targets += [f"clock/{one.name}" for one in self.fleet.members if one.role in STEPPED_ROLES]
        self.targets += [f"readers/{name}" for name in gateways]
        self.targets += [f"service/{service}" for service in (BROKER, DATABASE, LIMITS)]
        self.targets += [f"venue/{connector}" for connector in CONNECTORS]
        self.targets += [f"disk/{BROKER}"] * (self.disk is not None)

    def member(self, name: str) -> Member:
        """The process of that name."""
        return next(one for one in self.fleet.everybody if one.name == name)

    def service(self, name: str) -> Service:
        """The service of that name."""
        return {BROKER: self.ground.broker, DATABASE: self.ground.database, LIMITS: self.ground.limits}[name]
