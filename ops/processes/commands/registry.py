"""Every command by the name that the CLI and the ops port call it by."""

from collections.abc import Mapping
from typing import Final

from ops.processes.commands import (
    accounts,
    admins,
    audit,
    bindings,
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
from ops.processes.commands.audited import Target, audited, by
from ops.processes.commands.port import Command

_ACCOUNT: Final[Target] = by("account", "account_id")
_CONNECTOR: Final[Target] = by("connector", "connector")

COMMANDS: Final[Mapping[str, Command]] = {
    "topics.apply": topics.apply,
    "topics.tail": topics.tail,
    "db.migrate": database.migrate,
    "db.check": database.check,
    "db.rebuild": database.rebuild,
    "markets.load": markets.load,
    "keys.create": audited(keys.create, "api_key.create", by("tenant", "tenant_id", "tenant_name")),
    "keys.list": keys.list_keys,
    "keys.revoke": audited(keys.revoke, "api_key.revoke", by("api_key", "key_id")),
    "keys.reseal": key_rings.reseal,
    "keys.rings": key_rings.rings,
    "keys.rotate-credentials": audited(
        key_rings.rotate_credentials, "credential_keys.rotate", lambda _: ("platform", "credentials")
    ),
    "admins.create": admins.create,
    "admins.list": admins.list_admins,
    "admins.activate": admins.activate,
    "admins.suspend": admins.suspend,
    "audit.verify": audit.verify,
    "audit.list": audit.list_events,
    "accounts.open": audited(accounts.open_, "account.open", by("tenant", "tenant_id")),
    "accounts.bind": audited(bindings.bind, "binding.activate", by("tenant", "tenant_id")),
    "accounts.deposit": audited(accounts.deposit, "account.deposit", _ACCOUNT),
    "accounts.limits": audited(accounts.limits, "account.limits", _ACCOUNT, lambda asked: bool(asked["limits"])),
    "accounts.state": audited(accounts.state, "account.state", _ACCOUNT),
    "accounts.settle": audited(accounts.settle, "account.settle", _ACCOUNT),
    "accounts.list": accounts.list_accounts,
    "dead-letters.list": dead_letters.list_letters,
    "dead-letters.replay": dead_letters.replay,
    "halts.list": halts.list_halts,
    "halts.set": audited(halts.set_halt, "halt.set", by("halt", "target", "scope")),
    "halts.lift": audited(halts.lift_halt, "halt.lift", by("halt", "halt_id")),
    "connectors.list": connectors.list_connectors,
    "connectors.set": audited(connectors.set_state, "connector.set", _CONNECTOR),
    "connectors.fault": audited(connectors.set_fault, "connector.fault", _CONNECTOR),
    "feed.replay": feed.replay,
    "feed.synthetic": feed.synthetic,
}
