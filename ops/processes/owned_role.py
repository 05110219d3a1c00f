"""What a role that owns partitions consists of, as both runners take it: the memory runner locally, Faust in the cluster."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ops.runtime.health import Check
from storage.models.ownership import PartitionReport
from streams.owner.ports import CommandOwner


@dataclass(frozen=True, slots=True)
class OwnedRole:
    """The group `group` hands each partition of the topic `commands` to one `owner`, which appends to `records` (the
    topic that its `reports` are about).

    `failure` gets the error after which the process must end. `checks` are what the role knows of its health beside its
    partitions (a tail of quotes that lags, for one).
    """

    group: str
    commands: str
    records: str
    owner: CommandOwner
    reports: Callable[[], list[PartitionReport]]
    failure: asyncio.Future[None]
    checks: Mapping[str, Check] = field(default_factory=dict)
