"""`risk-signals` -> reports: a signal that is raised or cleared is a cause of the alert of its code and of what it is about. Pure."""

from typing import Final

from ops.runtime.timestamps import parse_timestamp
from storage.log.port import Record
from storage.models.alerts import Cleared, Place, Raised, Report
from storage.models.reading import UNREADABLE
from storage.models.risk_signals import RiskSignal, decode_signal

_PLATFORM: Final = "platform"


def report_of_signal(record: Record, place: Place) -> Report | None:
    """What a record of `risk-signals` reports. None for what is no signal: the projection makes a dead letter of it, which is
    an alert too.
    """
    try:
        signal = decode_signal(record.value or b"")
        at = parse_timestamp(signal.ts)
    except (*UNREADABLE, ValueError):
        return None
    subject = _subject(signal)
    if signal.state == "cleared":
        return Cleared(signal.code, subject, at, cause=signal.signal_id, place=place)
    details = {"signal_id": signal.signal_id, "figures": signal.figures}
    message = f"The risk signal {signal.code} was raised for {subject}."
    return Raised(signal.code, signal.severity, subject, message, at, details, cause=signal.signal_id, place=place)


def _subject(signal: RiskSignal) -> str:
    """The account and the symbol that it is about; of the platform's own signals the symbol or the connector."""
    connector = signal.figures.get("connector") if signal.account_id is None else None
    parts = (signal.account_id, signal.symbol, connector if isinstance(connector, str) else None)
    return "/".join(part for part in parts if part) or _PLATFORM
