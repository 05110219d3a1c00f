"""Every command by the name that the CLI and the ops port call it by."""

from collections.abc import Mapping
from typing import Final

from ops.processes.commands import (
    accounts,
    admins,
    audit,
    connectors,
    database,
    dead_letters,
    feed,
    halts,
    key_rings,
    keys,
    markets,
    topics,
)
from ops.processes.commands.port import Command

COMMANDS: Final[Mapping[str, Command]] = {
    "topics.apply": topics.apply,
    "topics.tail": topics.tail,
    "db.migrate": database.migrate,
    "db.check": database.check,
    "db.rebuild": database.rebuild,
    "markets.load": markets.load,
    "keys.create": keys.create,
    "keys.list": keys.list_keys,
    "keys.revoke": keys.revoke,
    "keys.reseal": key_rings.reseal,
    "keys.rings": key_rings.rings,
    "admins.create": admins.create,
    "admins.list": admins.list_admins,
    "admins.activate": admins.activate,
    "admins.suspend": admins.suspend,
    "audit.verify": audit.verify,
    "audit.list": audit.list_events,
    "accounts.open": accounts.open_,
    "accounts.deposit": accounts.deposit,
    "accounts.limits": accounts.limits,
    "accounts.state": accounts.state,
    "accounts.settle": accounts.settle,
    "accounts.list": accounts.list_accounts,
    "dead-letters.list": dead_letters.list_letters,
    "dead-letters.replay": dead_letters.replay,
    "halts.list": halts.list_halts,
    "halts.set": halts.set_halt,
    "halts.lift": halts.lift_halt,
    "connectors.list": connectors.list_connectors,
    "connectors.set": connectors.set_state,
    "connectors.fault": connectors.set_fault,
    "feed.replay": feed.replay,
    "feed.synthetic": feed.synthetic,
}
