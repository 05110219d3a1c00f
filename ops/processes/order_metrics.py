"""What the order core does, as metrics: commands when they are decided, orders and fills when their record stands."""

import time

from prometheus_client import Counter

from ops.runtime.clock import Clock
from ops.runtime.metrics import (
    FILLS_TOTAL,
    ORDER_COMMANDS_TOTAL,
    ORDER_DECIDING,
    ORDER_DECISION_DELAY,
    ORDER_RECORD_DELAY,
    ORDERS_TOTAL,
    UNMATCHED_REPORTS,
    VENUE_REPORT_DELAY,
    Metrics,
)
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, parse_timestamp
from storage.models.order_commands import AmendOrder, ArmDeadMan, CancelAll, CancelOrder, PlaceOrder
from storage.models.order_events import (
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    ReportUnmatched,
)
from storage.models.order_records import OrderRecord
from streams.orders.board import MarketBoard
from streams.orders.malformed import AnyCommand
from streams.orders.owner_rules import HasControls, OrderRules
from streams.orders.state import AccountState
from streams.owner.rules import Decision, Moment

_NO_CODE = ""
_CLIENT_WAITS = (PlaceOrder, AmendOrder, CancelOrder, CancelAll, ArmDeadMan)
"""Others may be asked for again long after the time that they carry (a provisioning job that is retried)."""


class MeasuredRules(OrderRules):
    """The rules with their deciding measured: how long it takes, and how long after it was asked for it is done."""

    def __init__(self, board: MarketBoard, controls: HasControls, metrics: Metrics) -> None:
        super().__init__(board, controls)
        self._commands = metrics.counter(ORDER_COMMANDS_TOTAL)
        self._counts: dict[type, Counter] = {}
        self._deciding = metrics.histogram(ORDER_DECIDING).observe
        self._asked = metrics.histogram(ORDER_DECISION_DELAY).observe
        self._reported = metrics.histogram(VENUE_REPORT_DELAY).observe

    def decide(self, state: AccountState, command: AnyCommand, moment: Moment) -> Decision[OrderRecord]:
        """See `OrderRules.decide`."""
        began = time.perf_counter()
        decision = super().decide(state, command, moment)
        self._deciding(time.perf_counter() - began)
        self._count(type(command))
        if command.issued_at is not None and isinstance(command, _CLIENT_WAITS):
            self._asked(max(moment.ts - command.issued_at, 0) / NANOSECONDS_PER_SECOND)
        reported_at = _moment_of(getattr(command, "venue_ts", None))
        if reported_at is not None:
            self._reported(max(moment.ts - reported_at, 0) / NANOSECONDS_PER_SECOND)
        return decision

    def _count(self, kind: type) -> None:
        counted = self._counts.get(kind)
        if counted is None:
            counted = self._counts[kind] = self._commands.labels(command=kind.__name__)
        counted.inc()


class OrderObserver:
    """`streams.owner.ports.Observer`: counts what stands on the log."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._clock = clock
        self._orders = metrics.counter(ORDERS_TOTAL)
        self._fills = metrics.counter(FILLS_TOTAL)
        self._unmatched = metrics.counter(UNMATCHED_REPORTS)
        self._delay = metrics.histogram(ORDER_RECORD_DELAY).observe

    def acknowledged(self, partition: int, offset: int, event: OrderRecord) -> None:  # noqa: ARG002
        """A record stands."""
        self._delay(max(self._clock.now() - parse_timestamp(event.ts), 0) / NANOSECONDS_PER_SECOND)
        filled = {order.order_id for order in event.orders if order.state == "filled"}
        for one in event.events:
            self._take(one)
            if isinstance(one, OrderFilled) and one.order_id in filled:
                filled.discard(one.order_id)
                self._orders.labels(outcome="filled", code=_NO_CODE).inc()

    def _take(self, event: Event) -> None:
        match event:
            case OrderFilled():
                self._fills.labels(liquidity=event.liquidity).inc()
            case OrderAccepted():
                self._count("accepted")
            case OrderDenied():
                self._count("denied", event.code)
            case OrderRejected():
                self._count("rejected", event.code)
            case OrderCanceled():
                self._count("canceled")
            case OrderExpired():
                self._count("expired")
            case OrderUnknown(again=False):
                self._count("unknown", event.code)
            case ReportUnmatched():
                self._unmatched.labels(reason=event.reason).inc()
            case _:
                pass

    def _count(self, outcome: str, code: str = _NO_CODE) -> None:
        self._orders.labels(outcome=outcome, code=code).inc()


def _moment_of(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_timestamp(text)
    except ValueError:
        return None
