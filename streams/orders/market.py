"""What a decision knows of the world besides the account: a value that is built before the call. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from storage.models.controls import Controls
from storage.models.order_records import UsedQuote


class Hours(NamedTuple):
    """When a closed market opens next and when that session's day ends, ns since the epoch; None: not known."""

    opens_at: int | None
    ends_at: int | None


class Origin(NamedTuple):
    """Where the command stands, and under which claim it is decided."""

    epoch: int
    topic: str
    offset: int


@dataclass(frozen=True, slots=True)
class Market:
    """The time (ns: the later of the clock and the partition's last record), the controls, the quotes of the symbols that
    `needs.symbols_needed` names as far as there are any, and the hours of the command's symbol where it is closed.
    """

    now: int
    controls: Controls
    quotes: Mapping[str, UsedQuote] = field(default_factory=lambda: MappingProxyType({}))
    hours: Mapping[str, Hours] = field(default_factory=lambda: MappingProxyType({}))
