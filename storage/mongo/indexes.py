"""The indexes as data: collection -> what its queries need beside `_id`. `storage.mongo.migrations` makes them so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from storage.mongo import api_keys, bars, heartbeats, ownership


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """One index. `keys` are (field, 1 or -1) in order; `serves` names the query that is slow without it."""

    name: str
    keys: tuple[tuple[str, int], ...]
    serves: str
    unique: bool = False


INDEXES: Final[Mapping[str, tuple[IndexSpec, ...]]] = {
    bars.COLLECTION: (
        IndexSpec("partition_upto", (("partition", 1), ("upto", 1)), "Bars.ahead_of"),
        IndexSpec("symbol_timeframe_start", (("symbol", 1), ("timeframe", 1), ("start", 1)), "Bars.range"),
        IndexSpec("partition_symbol", (("partition", 1), ("symbol", 1)), "Bars.newest"),
    ),
    api_keys.COLLECTION: (IndexSpec("tenant_id", (("tenant_id", 1), ("created_at", 1)), "ApiKeys.of_tenant"),),
    ownership.CHECKPOINTS: (
        IndexSpec("topic_partition", (("topic", 1), ("partition", 1)), "Checkpoints.of_partition"),
    ),
    heartbeats.COLLECTION: (IndexSpec("beat_at", (("beat_at", 1),), "Heartbeats.all"),),
}
