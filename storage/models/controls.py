"""Controls: what people and health checks rule about trading. Versioned documents, announced whole under one key.

`Controls` is what they come to, in the form that a decision looks things up in: every question is one or two dictionary
reads. Pure; a change makes a new value, so that what a decision saw never moves under it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import msgspec

from storage.models.instruments import Instrument
from storage.models.venues import ConnectorFault

HaltScope = Literal["platform", "venue", "tenant", "account", "strategy", "symbol"]
HaltLevel = Literal["reducing", "halted"]
HALT_SCOPES: Final[tuple[HaltScope, ...]] = ("platform", "venue", "tenant", "account", "strategy", "symbol")


class Halt(msgspec.Struct, frozen=True, tag="halt"):
    """A halt in force: `reducing` allows only what reduces, `halted` only cancels.

    `target` is a venue, tenant, account or symbol, for a strategy `account_id/strategy_id`, for the platform "".
    """

    halt_id: str
    scope: HaltScope
    target: str
    level: HaltLevel
    reason: str = ""
    lifted: bool = False


class Binding(msgspec.Struct, frozen=True, tag="binding"):
    """The right of a tenant to trade a venue through a connector; orders take it while it is `active`."""

    tenant_id: str
    venue: str
    connector: str
    status: Literal["pending", "active", "failed", "suspended"]


ConnectorStatus = Literal["up", "down"]


class ConnectorWord(msgspec.Struct, frozen=True):
    """What somebody says of a connector: an admin (`by` whom) or the health checks. `since` (ns): when the status began;
    `at`: when this was said.
    """

    status: ConnectorStatus
    reason: str = ""
    since: int = 0
    by: str = ""
    at: int = 0


class ConnectorState(msgspec.Struct, frozen=True, tag="connector"):
    """Whether a connector is up, which follows from both words (`storage.models.availability`): an admin's wins."""

    connector: str
    status: ConnectorStatus
    reason: str = ""
    admin: ConnectorWord | None = None
    health: ConnectorWord | None = None


class VenueRules(msgspec.Struct, frozen=True, tag="venue"):
    """What a venue does with time: whether it has sessions (else it never closes), and whether orders may wait for an open."""

    venue: str
    has_sessions: bool
    holds_orders: bool


class Conversion(msgspec.Struct, frozen=True, tag="conversion"):
    """How money in `currency` becomes money `into` another: by the mid of `symbol`, divided where `inverse`."""

    currency: str
    into: str
    symbol: str
    inverse: bool = False


class Fault(msgspec.Struct, frozen=True, tag="fault"):
    """What a simulated connector does wrong on purpose; the venue and checks of the connector obey it."""

    connector: str
    fault: ConnectorFault


class InstrumentControl(msgspec.Struct, frozen=True, tag="instrument"):
    """An instrument as decisions use it; `withdrawn` ones are no longer known to them."""

    instrument: Instrument
    withdrawn: bool = False


ControlDocument = Halt | Binding | ConnectorState | VenueRules | Conversion | Fault | InstrumentControl


class TradingRules(NamedTuple):
    """An instrument with its numbers read."""

    symbol: str
    venue: str
    asset_class: str
    currency: str
    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    min_notional: Decimal
    multiplier: Decimal
    initial_margin_rate: Decimal
    maintenance_margin_rate: Decimal
    shortable: bool
    tradable: bool
    active: bool
    increments: dict[str, str]


def rules_of(instrument: Instrument) -> TradingRules:
    """The instrument as decisions use it; `increments` is what a refusal shows of it."""
    return TradingRules(
        instrument.symbol,
        instrument.venue,
        instrument.asset_class,
        instrument.currency,
        Decimal(instrument.tick_size),
        Decimal(instrument.lot_size),
        Decimal(instrument.min_quantity),
        Decimal(instrument.max_quantity),
        Decimal(instrument.min_notional),
        Decimal(instrument.multiplier),
        Decimal(instrument.initial_margin_rate),
        Decimal(instrument.maintenance_margin_rate),
        instrument.shortable,
        instrument.tradable,
        instrument.status == "active",
        {
            "tick_size": instrument.tick_size,
            "lot_size": instrument.lot_size,
            "min_quantity": instrument.min_quantity,
            "max_quantity": instrument.max_quantity,
            "min_notional": instrument.min_notional,
        },
    )


@dataclass(frozen=True, slots=True)
class Controls:
    """All controls at one version (the offset that announced the last change; -1: none yet)."""

    version: int = -1
    halts: Mapping[str, Halt] = field(default_factory=lambda: MappingProxyType({}))
    bindings: Mapping[tuple[str, str], Binding] = field(default_factory=lambda: MappingProxyType({}))
    connectors: Mapping[str, ConnectorState] = field(default_factory=lambda: MappingProxyType({}))
    venues: Mapping[str, VenueRules] = field(default_factory=lambda: MappingProxyType({}))
    conversions: Mapping[str, Conversion] = field(default_factory=lambda: MappingProxyType({}))
    instruments: Mapping[str, TradingRules] = field(default_factory=lambda: MappingProxyType({}))
    halted: Mapping[tuple[str, str], HaltLevel] = field(default_factory=lambda: MappingProxyType({}))
    faults: Mapping[str, ConnectorFault] = field(default_factory=lambda: MappingProxyType({}))

    def changed(self, version: int, documents: Iterable[ControlDocument]) -> "Controls":
        """These controls with `documents` in the place of their earlier forms, at `version`."""
        tables: dict[str, dict[Any, Any]] = {}
        for document in documents:
            name, key, value = _place_of(document)
            table = tables.setdefault(name, dict(getattr(self, name)))
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
        if "halts" in tables:
            tables["halted"] = _levels(tables["halts"].values())
        return replace(self, version=version, **{name: MappingProxyType(table) for name, table in tables.items()})

    def with_instruments(self, version: int, instruments: Iterable[Instrument]) -> "Controls":
        """These controls with the instruments replaced, at `version`."""
        rules = {instrument.symbol: rules_of(instrument) for instrument in instruments}
        return replace(self, version=version, instruments=MappingProxyType(rules))


def identity_of(document: ControlDocument) -> str:
    """What a document is known by, e.g. `binding|ten_1|XNAS`: of two with one identity the newer stands."""
    kind = str(document.__struct_config__.tag)
    _, key, _ = _place_of(document)
    return "|".join((kind, *key)) if isinstance(key, tuple) else f"{kind}|{key}"


def _place_of(document: ControlDocument) -> tuple[str, Any, Any]:
    """The table of `Controls`, the key in it, and what stands there; None where nothing does any more."""
    place: tuple[str, Any, Any]
    match document:
        case Halt():
            place = "halts", document.halt_id, None if document.lifted else document
        case Binding():
            place = "bindings", (document.tenant_id, document.venue), document
        case ConnectorState():
            place = "connectors", document.connector, document
        case VenueRules():
            place = "venues", document.venue, document
        case Conversion():
            place = "conversions", document.currency, document
        case Fault():
            place = "faults", document.connector, None if document.fault == "none" else document.fault
        case InstrumentControl(instrument, withdrawn):
            place = "instruments", instrument.symbol, None if withdrawn else rules_of(instrument)
    return place


def _levels(halts: Iterable[Halt]) -> dict[Any, Any]:
    levels: dict[tuple[str, str], HaltLevel] = {}
    for halt in halts:
        if levels.get((halt.scope, halt.target)) != "halted":
            levels[halt.scope, halt.target] = halt.level
    return levels
