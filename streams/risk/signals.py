"""Risk signals that follow from an account's records: `signals_of(record)`. Pure, and without a memory of their own.

What was raised and what has ended stands in the record itself, so whoever reads it, whenever, makes the same signals:
the id is made of the account, the seq of the record that raised it and the code.
"""

from collections.abc import Iterator
from typing import Any, Final

from storage.models.accounts import Account, Alerts
from storage.models.alerts import Severity
from storage.models.order_events import BreakSettled, OrderResolved, OrderUnknown, ReportUnmatched
from storage.models.order_records import OrderRecord
from storage.models.risk_signals import RiskSignal, SignalState
from streams.risk.exposure import EXPOSURE_LIMIT, EXPOSURE_WARNING

ORDER_RATE: Final = "order.rate"
MARGIN_CODES: Final = {"warning": "margin.warning", "call": "margin.call", "liquidation": "margin.liquidation"}
ORDER_UNKNOWN: Final = "order.unknown"
RECONCILIATION_BREAK: Final = "reconciliation.break"
_SEVERITY: Final[dict[str, Severity]] = {
    ORDER_RATE: "warning",
    "margin.warning": "warning",
    "margin.call": "critical",
    "margin.liquidation": "critical",
    EXPOSURE_WARNING: "warning",
    EXPOSURE_LIMIT: "critical",
}


def signal_id(account_id: str, seq: int, code: str, subject: str = "") -> str:
    """The id of what record `seq` raised."""
    return f"sig_{account_id}_{seq}_{code}" + (f"_{subject}" if subject else "")


def alert_name(code: str, symbol: str) -> str:
    """What a warning of one symbol is called in an account's `alerts`."""
    return f"{code}:{symbol}"


def parts_of_alert(name: str) -> tuple[str, str | None]:
    """The code of a warning, and the symbol that it is of (None: of the whole account)."""
    code, _, symbol = name.partition(":")
    return code, symbol or None


_TELLING: Final = frozenset({OrderUnknown, OrderResolved, ReportUnmatched, BreakSettled})


def may_signal(record: OrderRecord) -> bool:
    """False only where `signals_of` gives nothing."""
    if record.account is not None and record.account.alerts:
        return True
    return not _TELLING.isdisjoint(map(type, record.events))


def signals_of(record: OrderRecord) -> tuple[RiskSignal, ...]:
    """The signals that the record raises and clears, in that order of its parts."""
    found = {(signal.signal_id, signal.state): signal for signal in (*_standing(record), *_from_events(record))}
    return tuple(found.values())


def _standing(record: OrderRecord) -> Iterator[RiskSignal]:
    account = record.account
    if account is None:
        return
    for name, alert in account.alerts.items():
        if record.seq not in {alert.raised, alert.cleared}:
            continue
        code, symbol = parts_of_alert(name)
        yield RiskSignal(
            signal_id(record.account_id, alert.raised, code, symbol or ""),
            code,
            _SEVERITY[code],
            "raised" if alert.cleared < 0 else "cleared",
            _figures(code, account, alert),
            record.ts,
            record.account_id,
            symbol,
        )


def _figures(code: str, account: Account, alert: Alerts) -> dict[str, Any]:
    if alert.figures is not None:
        return {**alert.figures, "currency": account.currency}
    if code == ORDER_RATE:
        return {"open_orders": account.open_orders}
    return {
        "risk_ratio": account.risk_ratio,
        "equity": account.equity,
        "maintenance_margin": account.maintenance_margin,
        "currency": account.currency,
    }


def _from_events(record: OrderRecord) -> Iterator[RiskSignal]:
    account_id = record.account_id
    symbols = {order.order_id: order.symbol for order in record.orders}
    for event in record.events:
        match event:
            case OrderUnknown(again=False):
                figures: dict[str, Any] = {"order_id": event.order_id, "code": event.code, "request": event.request}
                name = signal_id(account_id, record.seq, ORDER_UNKNOWN, event.order_id)
                yield _unknown(record, name, "raised", figures, symbols)
            case OrderResolved():
                figures = {"order_id": event.order_id, "outcome": event.outcome}
                if event.unknown_seq is not None:
                    name = signal_id(account_id, event.unknown_seq, ORDER_UNKNOWN, event.order_id)
                    yield _unknown(record, name, "cleared", figures, symbols)
                if event.difference is not None and event.break_seq == record.seq:
                    yield _break(record, event.order_id, record.seq, {**figures, "difference": event.difference})
            case ReportUnmatched() if event.break_seq == record.seq:
                yield _break(record, event.order_id, record.seq, {"reason": event.reason, "report": event.report})
            case BreakSettled():
                figures = {"outcome": event.outcome, "reference": event.reference}
                yield _break(record, event.order_id, event.break_seq, figures, "cleared")
            case _:
                pass


def _unknown(
    record: OrderRecord,
    name: str,
    state: SignalState,
    figures: dict[str, Any],
    symbols: dict[str, str],
) -> RiskSignal:
    symbol = symbols.get(figures["order_id"])
    return RiskSignal(name, ORDER_UNKNOWN, "warning", state, figures, record.ts, record.account_id, symbol)


def _break(
    record: OrderRecord,
    order_id: str,
    seq: int,
    figures: dict[str, Any],
    state: SignalState = "raised",
) -> RiskSignal:
    name = signal_id(record.account_id, seq, RECONCILIATION_BREAK, order_id)
    told = {"order_id": order_id, **figures}
    return RiskSignal(name, RECONCILIATION_BREAK, "critical", state, told, record.ts, record.account_id)
