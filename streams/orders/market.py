"""What a decision knows of the world besides the account: a value that is built before the call. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

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


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Market(NamedTuple):
    """The time (ns: the later of the clock and the partition's last record), the controls, the quotes of the symbols that
    `needs.symbols_needed` names as far as there are any, and the hours of the command's symbol where it is closed.
    """

    now: int
    controls: Controls
    quotes: Mapping[str, UsedQuote] = _NOTHING
    hours: Mapping[str, Hours] = _NOTHING
