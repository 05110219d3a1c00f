"""Risk signals: what `risk-signals`, `risk.*` and `GET /v1/risk/signals` carry. Pure."""

from typing import Any, Final, Literal

import msgspec

from storage.models.alerts import Severity

SCHEMA: Final = b"risk-signal.1"
SignalState = Literal["raised", "cleared"]


class RiskSignal(msgspec.Struct, frozen=True, omit_defaults=True):
    """Raised, and later cleared for good, under one id: an account's, or the platform's own (`platform`). `figures` are what it
    is raised or cleared for, by code; `ts` is when.
    """

    signal_id: str
    code: str
    severity: Severity
    state: SignalState
    figures: dict[str, Any]
    ts: str
    account_id: str | None = None
    symbol: str | None = None
    platform: bool = False


encode_signal: Final = msgspec.json.Encoder().encode
decode_signal: Final = msgspec.json.Decoder(RiskSignal).decode
"""Raises `msgspec.MsgspecError`."""


def signal_headers(signal: RiskSignal) -> tuple[tuple[str, bytes], ...]:
    """Of its record: an id that is the same whoever works it out again, and the schema."""
    return (("event-id", f"{signal.signal_id}/{signal.state}".encode()), ("schema", SCHEMA))
