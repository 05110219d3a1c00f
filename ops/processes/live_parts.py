"""Wires what the WebSocket shows and does of accounts: judged records, snapshots of the read models, dead-man switches."""

from gateway.live.account_snapshot import StoredSnapshots
from gateway.live.cancel_on_disconnect import CancelOnDisconnect
from gateway.live.judging import OwnerDocuments
from gateway.live.stored_signals import StoredActiveSignals
from ops.processes.platform import Platform
from ops.processes.projection_parts import READER
from storage.decisions.decisions import Decisions
from storage.mongo.accounts import Accounts
from storage.mongo.active_signals import ActiveSignals
from storage.mongo.orders import Orders
from storage.mongo.ownership import ClaimHistories, Floors, ReaderAnchors
from storage.mongo.positions import Positions
from storage.topics import ORDER_EVENTS, RISK_SIGNALS


def order_owners(platform: Platform) -> OwnerDocuments:
    """What the owners of `order-events` have stored."""
    database = platform.store.database
    return OwnerDocuments(ClaimHistories(database, ORDER_EVENTS), Floors(database, ORDER_EVENTS))


def account_snapshots(platform: Platform) -> StoredSnapshots:
    """Accounts as the projection has them, and how far it has come."""
    database = platform.store.database
    progress = ReaderAnchors(database, READER, ORDER_EVENTS)
    return StoredSnapshots(Accounts(database), Orders(database), Positions(database), progress)


def active_signals(platform: Platform) -> StoredActiveSignals:
    """Risk signals as the projection has them, and how far it has come."""
    database = platform.store.database
    return StoredActiveSignals(ActiveSignals(database), ReaderAnchors(database, READER, RISK_SIGNALS))


def cancel_on_disconnect(platform: Platform, decisions: Decisions) -> CancelOnDisconnect:
    """Dead-man switches of the WebSocket's connections."""
    accounts = Accounts(platform.store.database)
    return CancelOnDisconnect(decisions, accounts, clock=platform.clock, identifiers=platform.identifiers)
