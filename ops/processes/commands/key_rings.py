"""Commands over keys: seal everything anew under the first encryption key; say where each key is in use; new key pairs for
credentials.
"""

from collections.abc import AsyncIterator
from dataclasses import asdict

from ops.processes.commands.port import EXIT_DATA, Arguments, CommandFailed, Event
from ops.processes.connector_parts import vault_of
from ops.processes.platform import Platform
from storage.mongo.sealed_fields import HASHED_FIELDS, SEALED_FIELDS
from storage.mongo.sealed_secrets import KeyUse, SealedSecrets
from storage.resealing import reseal_all

_TOKENS = "access tokens that it signed are refused; the last of them ends 15 minutes after every gateway signs with another key"


async def reseal(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:  # noqa: ARG001  (takes none)
    """Seal every stored secret under the first key, one event a field; fails, after the last, where one cannot be opened."""
    unopened = 0
    async for became in reseal_all(SealedSecrets(platform.store.database), platform.key_ring):
        unopened += became.unopened
        yield {"field": became.name, **{name: value for name, value in asdict(became).items() if name != "name"}}
    if unopened:
        raise CommandFailed(
            f"{unopened} sealed texts could not be opened and stay as they are: is the key that sealed them still in OMNIAXS_KEY_RING?",
            EXIT_DATA,
        )


async def rings(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:  # noqa: ARG001  (takes none)
    """Each key of both rings, what it is in use for, and what ends without it; fails where a key that is in use is missing."""
    encryption = _key_ids(platform.settings.key_ring.get_secret_value())
    uses = await _uses(platform, encryption)
    missing = sorted({key_id for use, _ in uses.values() for key_id in use.unknown})
    for place, key_id in enumerate([*encryption, *missing]):
        role = "missing" if key_id in missing else "opens" if place else "seals"
        yield _encryption_key(key_id, role, uses)
    for place, key_id in enumerate(_key_ids(platform.settings.signing_keys.get_secret_value())):
        role = "accepted" if place else "signs"
        yield {
            "ring": "signing",
            "key_id": key_id,
            "role": role,
            "in_use": {},
            "may_be_dropped": None,
            "without": [_TOKENS],
        }
    if missing:
        raise CommandFailed(
            f"OMNIAXS_KEY_RING lacks keys that are in use: {', '.join(missing)}; put them back, after the first",
            EXIT_DATA,
        )


async def rotate_credentials(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:  # noqa: ARG001  (takes none)
    """New key pairs that credentials of exchanges are encrypted to from now on; what was encrypted before still opens."""
    for kid in await vault_of(platform).rotate_keys():
        yield {"kid": kid}


async def _uses(platform: Platform, key_ids: list[str]) -> dict[str, tuple[KeyUse, str]]:
    """By field how often each key is in use there, and what ends without it."""
    secrets, now = SealedSecrets(platform.store.database), platform.clock.now()
    uses = {
        field.name: (
            await secrets.sealed_by(field, key_ids),
            "sealed texts can no longer be opened (`omniaxs keys reseal`)",
        )
        for field in SEALED_FIELDS
    }
    return uses | {field.name: (await secrets.hashed_by(field, key_ids, now), field.without) for field in HASHED_FIELDS}


def _encryption_key(key_id: str, role: str, uses: dict[str, tuple[KeyUse, str]]) -> Event:
    in_use: dict[str, int | None] = {}
    for name, (use, _) in uses.items():
        if use.by_key.get(key_id):
            in_use[name] = use.by_key[key_id]
        elif key_id in use.unknown:
            in_use[name] = None
    return {
        "ring": "encryption",
        "key_id": key_id,
        "role": role,
        "in_use": in_use,
        "may_be_dropped": role == "opens" and not in_use,
        "without": sorted({uses[name][1] for name in in_use}),
    }


def _key_ids(ring: str) -> list[str]:
    return [item.strip().partition(":")[0] for item in ring.split(",")]
