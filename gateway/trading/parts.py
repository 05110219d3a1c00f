"""What trading and account routes are made of, for whoever builds the gateway."""

from dataclasses import dataclass
from typing import Protocol

from gateway.account.overview import PositionSource
from gateway.account.rules import HaltSource
from gateway.account.signals import SignalSource
from gateway.account.standing import PATIENCE_SECONDS, AccountSource
from gateway.trading.cancel import SETTLE_SECONDS
from gateway.trading.ports import AnswerSource, OrderSource, ProgressSource, RequestStore
from gateway.trading.reads import FillPages, OrderPages
from storage.decisions.decisions import Decisions


class Orders(OrderSource, OrderPages, Protocol):
    """`storage.mongo.orders.Orders`."""


class Accounts(ProgressSource, AccountSource, Protocol):
    """`storage.mongo.accounts.Accounts`."""


@dataclass(frozen=True, slots=True)
class TradingParts:
    """The road to the order core (`decisions`, whose `run` is running; `requests`), and the read models, for which a read
    with `X-Min-Account-Seq` waits up to `patience` seconds; a cancel waits `settle_seconds` for its venues.
    """

    decisions: Decisions
    requests: RequestStore
    answers: AnswerSource
    orders: Orders
    fills: FillPages
    positions: PositionSource
    accounts: Accounts
    signals: SignalSource
    halts: HaltSource
    patience: float = PATIENCE_SECONDS
    settle_seconds: float = SETTLE_SECONDS
