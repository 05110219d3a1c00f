"""The risk signals of staleness: one `signal_id` from raise to clear, made of the symbol and the moment it went stale."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND
from storage.log.port import Message, Record
from storage.models.market_data import QuoteState
from storage.topics import PLATFORM_KEY

CODE: Final = "feed.stale"
_SCHEMA: Final = b"risk-signal.1"
_NAMESPACE: Final = uuid.UUID("0b8f5d0e-7d0b-5c55-9a53-6a9a4d1b9f02")


class _Signal(msgspec.Struct):
    signal_id: str
    code: str
    state: str
    symbol: str | None = None


_decode = msgspec.json.Decoder(_Signal).decode


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
            signal = _decode(record.value or b"")
        except msgspec.MsgspecError:
            continue  # other signals are other processors' to judge
        if signal.code != CODE or signal.symbol is None:
            continue
        if signal.state == "raised":
            active[signal.symbol] = signal.signal_id
        else:
            active.pop(signal.symbol, None)
    return active


def _message(signal_id: str, state: str, told: QuoteState, figures: Mapping[str, Any]) -> Message:
    payload = {
        "signal_id": signal_id,
        "code": CODE,
        "severity": "warning",
        "state": state,
        "platform": True,
        "symbol": told.symbol,
        "figures": {**figures, "session_state": told.session_state},
        "ts": told.ts,
    }
    headers = (("event-id", f"{signal_id}/{state}".encode()), ("schema", _SCHEMA))
    return Message(PLATFORM_KEY, msgspec.json.encode(payload), headers)
