"""The processors of role `projection`, made of a platform's store and log."""

from typing import Final

from ops.processes.measured import MeasuredProcessor
from ops.processes.platform import Platform
from storage.mongo.accounts import Accounts
from storage.mongo.active_signals import ActiveSignals
from storage.mongo.command_answers import CommandAnswers
from storage.mongo.controls import ControlDocuments
from storage.mongo.documents import Database
from storage.mongo.fills import Fills
from storage.mongo.orders import Orders
from storage.mongo.ownership import ReaderAnchors
from storage.mongo.positions import Positions
from storage.topics import ORDER_EVENTS, RISK_SIGNALS
from streams.connectors.processor import ConnectorsProcessor
from streams.market.dead_letter_box import DeadLetterBox
from streams.orders.projection.orders_processor import OrdersProcessor
from streams.orders.projection.read_models import ReadModels
from streams.orders.projection.rebuild import Rebuild
from streams.orders.projection.signals_processor import SignalsProcessor
from streams.processor import Processor

READER: Final = "projection"


def projection_processors(platform: Platform) -> list[Processor]:
    """`order-events` to orders, fills, positions, accounts and answers; `risk-signals` to the active ones; connectors that
    are down to `risk-signals`.
    """
    return [
        MeasuredProcessor(_orders_processor(platform), platform.metrics, platform.clock),
        MeasuredProcessor(signals_processor(platform), platform.metrics, platform.clock),
        MeasuredProcessor(_connectors_processor(platform), platform.metrics, platform.clock),
    ]


def signals_processor(platform: Platform) -> SignalsProcessor:
    """Risk signals to the active ones."""
    database = platform.store.database
    return SignalsProcessor(
        signals=ActiveSignals(database),
        anchors=ReaderAnchors(database, READER, RISK_SIGNALS),
        letters=DeadLetterBox(SignalsProcessor.name, RISK_SIGNALS, platform.log, platform.clock, platform.metrics),
        metrics=platform.metrics,
    )


def _connectors_processor(platform: Platform) -> ConnectorsProcessor:
    database = platform.store.database
    return ConnectorsProcessor(
        controls=ControlDocuments(database),
        signals=ActiveSignals(database),
        log=platform.log,
        topics=platform.topics,
        clock=platform.clock,
    )


def rebuild_of_orders(platform: Platform) -> Rebuild:
    """What makes the read models of orders anew."""
    database = platform.store.database
    anchors = ReaderAnchors(database, READER, ORDER_EVENTS)
    return Rebuild(models=read_models(database), anchors=anchors, log=platform.log, clock=platform.clock)


def read_models(database: Database) -> ReadModels:
    """The read models of a database."""
    return ReadModels(
        orders=Orders(database),
        positions=Positions(database),
        fills=Fills(database),
        answers=CommandAnswers(database),
        accounts=Accounts(database),
    )


def _orders_processor(platform: Platform) -> OrdersProcessor:
    database = platform.store.database
    return OrdersProcessor(
        models=read_models(database),
        anchors=ReaderAnchors(database, READER, ORDER_EVENTS),
        log=platform.log,
        clock=platform.clock,
        metrics=platform.metrics,
    )
