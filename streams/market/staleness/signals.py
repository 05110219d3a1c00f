"""The risk signals of staleness: one `signal_id` from raise to clear, made of the symbol and the moment it went stale."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND
from storage.log.port import Message, Record
from storage.models.market_data import QuoteState
from storage.models.reading import UNREADABLE
from storage.models.risk_signals import RiskSignal, SignalState, decode_signal, encode_signal, signal_headers
from storage.topics import PLATFORM_KEY

CODE: Final = "feed.stale"
_NAMESPACE: Final = uuid.UUID("0b8f5d0e-7d0b-5c55-9a53-6a9a4d1b9f02")


def signal_id_of(stale: QuoteState) -> str:
    """The id of the signal of one stale time: the same whenever it is worked out from the same announced state."""
    return f"sig_{uuid.uuid5(_NAMESPACE, f'{CODE}/{stale.symbol}/{stale.since}').hex}"


def raised(stale: QuoteState, age: int, patience: int) -> Message:
    """The signal that a symbol went stale; `age` of its newest quote and `patience` in ns."""
    figures = {
        "age_ms": age // NANOSECONDS_PER_MILLISECOND,
        "stale_after_ms": patience // NANOSECONDS_PER_MILLISECOND,
    }
    return _message(signal_id_of(stale), "raised", stale, figures)


def cleared(signal_id: str, now: QuoteState) -> Message:
    """The end of that signal, by the state that ended it."""
    return _message(signal_id, "cleared", now, {"feed_state": now.feed_state})


def active_signals(records: Iterable[Record]) -> dict[str, str]:
    """symbol -> signal_id of the staleness signals that `records` of `risk-signals` raise and do not clear."""
    active: dict[str, str] = {}
    for record in records:
        try:
            signal = decode_signal(record.value or b"")
        except UNREADABLE:
            continue  # the projection makes a dead letter of it
        if signal.code != CODE or signal.symbol is None:
            continue
        if signal.state == "raised":
            active[signal.symbol] = signal.signal_id
        else:
            active.pop(signal.symbol, None)
    return active


def _message(signal_id: str, state: SignalState, told: QuoteState, figures: Mapping[str, Any]) -> Message:
    signal = RiskSignal(
        signal_id,
        CODE,
        "warning",
        state,
        {**figures, "session_state": told.session_state},
        told.ts,
        symbol=told.symbol,
        platform=True,
    )
    return Message(PLATFORM_KEY, encode_signal(signal), signal_headers(signal))
