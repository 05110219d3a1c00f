"""The risk signals of connectors: which of them are down by their controls, and what is to be raised and cleared. Pure.

A connector is down while its state says so or a fault is set on it. Of all that is wrong with one there is one signal. Its id is
made of the revision of the control that began it, so whoever works it out again comes to the same.
"""

import uuid
from collections.abc import Iterable, Mapping
from itertools import count
from operator import itemgetter
from typing import Any, Final, NamedTuple

from ops.runtime.timestamps import format_timestamp
from storage.log.port import Message
from storage.models.controls import ConnectorState, ControlDocument, Fault, identity_of
from storage.models.reading import UNREADABLE
from storage.models.risk_signals import RiskSignal, SignalState, decode_signal, encode_signal, signal_headers
from storage.topics import PLATFORM_KEY

CODE: Final = "connector.down"
_NAMESPACE: Final = uuid.UUID("5f0f6a54-0c58-5a0c-9a6e-6a3c8e6f2d11")


class Down(NamedTuple):
    """What is wrong with a connector: the revision of the control that its signal is named after, and what that shows."""

    begun_by: str
    figures: dict[str, Any]


class Told(NamedTuple):
    """Of the signals on the log: what is under way (signal_id -> connector), and the ids that are over for ever."""

    active: dict[str, str]
    over: frozenset[str]


def down_by(controls: Iterable[tuple[int, ControlDocument]]) -> dict[str, Down]:
    """The connectors that are down by these controls (revision, document), by id."""
    found: dict[str, Down] = {}
    for name, revision, document in sorted(
        ((identity_of(one), revision, one) for revision, one in controls), key=itemgetter(0)
    ):
        what = _wrong(document)
        if what is None:
            continue
        connector, figures = what
        before = found.get(connector)
        begun_by = before.begun_by if before else f"{name}@{revision}"
        found[connector] = Down(begun_by, {**(before.figures if before else {}), **figures})
    return found


def _wrong(document: ControlDocument) -> tuple[str, dict[str, Any]] | None:
    match document:
        case ConnectorState(connector, "down", reason):
            return connector, {"connector": connector, "reason": reason}
        case Fault(connector, fault) if fault != "none":
            return connector, {"connector": connector, "fault": fault}
        case _:
            return None


def told_by(values: Iterable[bytes]) -> Told:
    """What these values of `risk-signals`, in their order, come to. Clearing is final."""
    active: dict[str, str] = {}
    over: set[str] = set()
    for value in values:
        try:
            signal = decode_signal(value)
        except UNREADABLE:
            continue  # the projection makes a dead letter of it
        connector = signal.figures.get("connector")
        if signal.code != CODE or not isinstance(connector, str):
            continue
        if signal.state == "cleared":
            active.pop(signal.signal_id, None)
            over.add(signal.signal_id)
        elif signal.signal_id not in over:
            active[signal.signal_id] = connector
    return Told(active, frozenset(over))


def changes(down: Mapping[str, Down], told: Told, now: int) -> list[Message]:
    """What is to be said so that of each connector that is down one signal stands, and of no other. A connector that stays
    down keeps the signal that it has.
    """
    kept: dict[str, str] = {}
    for name, connector in told.active.items():
        if connector in down:
            kept.setdefault(connector, name)
    messages = [
        _message(name, "cleared", {"connector": connector}, now)
        for name, connector in told.active.items()
        if kept.get(connector) != name
    ]
    for connector, one in down.items():
        if connector not in kept:
            messages.append(_message(_new_id(one.begun_by, told.over), "raised", one.figures, now))
    return messages


def _new_id(begun_by: str, over: frozenset[str]) -> str:
    """The first that was not cleared yet, which somebody with an old view of the controls may have done."""
    ids = (f"sig_{uuid.uuid5(_NAMESPACE, f'{CODE}/{begun_by}/{number}').hex}" for number in count())
    return next(name for name in ids if name not in over)


def _message(signal_id: str, state: SignalState, figures: dict[str, Any], now: int) -> Message:
    signal = RiskSignal(signal_id, CODE, "critical", state, figures, format_timestamp(now), platform=True)
    return Message(PLATFORM_KEY, encode_signal(signal), signal_headers(signal))
