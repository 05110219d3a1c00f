"""The vault of credentials over both adapters: wrapped, opened, replaced, and through both kinds of rotation."""

import asyncio
import json

import pytest
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from ops.runtime.clock import ManualClock
from ops.runtime.errors import HubError
from storage.credentials import CredentialVault
from storage.models.credentials import Ciphertexts, CredentialKey, GivenCredential
from storage.mongo.connect import Store
from storage.mongo.credentials import COLLECTION, KEYS
from storage.mongo.documents import Database
from storage.mongo.migrations import migrate
from storage.mongo.sealed_secrets import SealedSecrets
from storage.resealing import reseal_all
from storage.sealing import KeyRing

OLD = KeyRing.parse("old:sixteen characters or more")
BOTH = KeyRing.parse("new:another sixteen characters,old:sixteen characters or more")
NEW = KeyRing.parse("new:another sixteen characters")
NOW = 1_700_000_000_000_000_000


async def vault_of(database: Database, ring: KeyRing = OLD) -> CredentialVault:
    """A vault with keys."""
    clock = ManualClock(NOW)
    await migrate(database, clock)
    vault = CredentialVault(database, ring, clock)
    await vault.make_first_keys()
    return vault


def encrypted(key: CredentialKey, plain: str) -> str:
    """A JWE to a published key."""
    token = JWE(plain.encode(), json.dumps({"alg": key.algorithm, "enc": "A256GCM", "kid": key.kid}))
    token.add_recipient(JWK.from_json(json.dumps(key.public)))
    return str(token.serialize(compact=True))


async def given(vault: CredentialVault, name: str = "main", plain: str = "a secret") -> GivenCredential:
    """A credential whose parts are encrypted to both published keys."""
    ec, rsa = await vault.published()
    parts = Ciphertexts(encrypted(ec, "a key"), encrypted(rsa, plain), encrypted(ec, "a phrase"))
    return GivenCredential("XNAS", name, parts, '{"permissions": ["trade"]}')


async def refused(vault: CredentialVault, name: str = "main") -> dict[str, str]:
    """The details of the refusal to open a credential."""
    credential = await vault.find("XNAS", name)
    assert credential is not None
    with pytest.raises(HubError) as refusal:
        await vault.opened(credential)
    assert refusal.value.code == "credential.unreadable"
    assert refusal.value.details is not None
    return refusal.value.details


async def test_what_is_put_is_opened_and_nothing_of_it_stands_in_the_store(database: Database) -> None:
    vault = await vault_of(database)
    given_ = await given(vault)
    stored = await vault.put("crd_1", given_, NOW)
    assert await vault.find("XNAS", "main") == stored
    assert await vault.of_exchange("XNAS") == [stored]
    assert await vault.opened(stored) == ("a key", "a secret", "a phrase")
    kept = json.dumps([await database[name].find({}).to_list(None) for name in (COLLECTION, KEYS)])
    assert all(part not in kept for part in given_.parts if part)
    assert '"d"' not in kept


async def test_again_takes_the_place_keeps_the_id_and_may_be_repeated(database: Database) -> None:
    vault = await vault_of(database)
    first = await vault.put("crd_1", await given(vault), NOW)
    other = replace_parts(await given(vault, plain="another"), passphrase=None)
    second = await vault.put("crd_2", other, NOW + 1)
    assert (second.credential_id, second.created_at, second.updated_at) == ("crd_1", NOW, NOW + 1)
    assert second.fingerprint != first.fingerprint
    assert await vault.put("crd_2", other, NOW + 1) == second
    assert await vault.put("crd_1", await given(vault), NOW) == second, "a repeat that comes late changes nothing"
    assert await vault.opened(second) == ("a key", "another", None)
    third = await vault.put("crd_4", await given(vault), NOW)
    assert (third.version, third.updated_at) == (3, NOW + 1), "another's write is done, though its clock is behind"
    await vault.put("crd_3", await given(vault, "backup"), NOW)
    assert [one.credential_name for one in await vault.of_exchange("XNAS")] == ["backup", "main"]


def replace_parts(credential: GivenCredential, **parts: str | None) -> GivenCredential:
    """The credential with other parts."""
    return credential._replace(parts=credential.parts._replace(**parts))


@pytest.mark.mongo
async def test_simultaneous_puts_make_one_credential(real_store: Store) -> None:
    vault = await vault_of(real_store.database)
    one = await given(vault)
    stored = await asyncio.gather(*(vault.put(f"crd_{number}", one, NOW) for number in range(8)))
    assert len({credential.credential_id for credential in stored}) == 1
    assert len(await vault.of_exchange("XNAS")) == 1


@pytest.mark.mongo
async def test_keys_that_are_made_together_are_made_once(real_store: Store) -> None:
    clock = ManualClock(NOW)
    vaults = [CredentialVault(real_store.database, OLD, clock) for _ in range(3)]
    made = await asyncio.gather(*(vault.make_first_keys() for vault in vaults))
    assert sorted(kid for kids in made for kid in kids) == ["credentials-ecdh-es-1", "credentials-rsa-oaep-256-1"]


@pytest.mark.parametrize("ciphertext", ["not encrypted at all", "a.b.c.d.e", "", "eyJhbGciOiJub25lIn0....."])
async def test_what_cannot_be_opened_is_stored_as_it_is_and_says_so(database: Database, ciphertext: str) -> None:
    vault = await vault_of(database)
    await vault.put("crd_1", replace_parts(await given(vault), api_secret=ciphertext), NOW)
    details = await refused(vault)
    assert (details["exchange_code"], details["field"]) == ("XNAS", "api_secret_ciphertext")
    assert not ciphertext or ciphertext not in json.dumps(details)


async def test_parts_that_were_swapped_in_the_store_are_not_opened(database: Database) -> None:
    """Each part is sealed for its own place."""
    vault = await vault_of(database)
    await vault.put("crd_1", await given(vault), NOW)
    document = await database[COLLECTION].find_one({"_id": "crd_1"})
    assert document is not None
    change = {"sealed_api_key": document["sealed_api_secret"], "sealed_api_secret": document["sealed_api_key"]}
    await database[COLLECTION].update_one({"_id": "crd_1"}, {"$set": change})
    assert (await refused(vault))["field"] == "api_key_ciphertext"


async def test_new_key_pairs_are_published_and_the_old_ones_still_open(database: Database) -> None:
    vault = await vault_of(database)
    before = await vault.put("crd_1", await given(vault), NOW)
    assert await vault.rotate_keys() == ["credentials-rsa-oaep-256-2", "credentials-ecdh-es-2"]
    assert [key.number for key in await vault.published()] == [2, 2]
    after = await vault.put("crd_2", await given(vault, "after"), NOW)
    assert await vault.opened(before) == await vault.opened(after) == ("a key", "a secret", "a phrase")
    assert await vault.make_first_keys() == []


async def test_a_rotation_of_the_key_ring_reaches_credentials_and_their_keys(database: Database) -> None:
    vault = await vault_of(database)
    await vault.put("crd_1", await given(vault), NOW)
    became = {one.name: one async for one in reseal_all(SealedSecrets(database), BOTH)}
    resealed = {name: one.resealed for name, one in became.items() if one.resealed}
    assert resealed == {
        f"{COLLECTION}.sealed_api_key": 1, f"{COLLECTION}.sealed_api_secret": 1, f"{COLLECTION}.sealed_passphrase": 1,
        f"{KEYS}.sealed_private": 2,
    }  # fmt: skip
    assert not any(one.unopened for one in became.values())
    rotated = CredentialVault(database, NEW, ManualClock(NOW))
    credential = await rotated.find("XNAS", "main")
    assert credential is not None
    assert await rotated.opened(credential) == ("a key", "a secret", "a phrase")


async def test_a_ring_without_the_key_says_which_is_missing(database: Database) -> None:
    vault = await vault_of(database)
    await vault.put("crd_1", await given(vault), NOW)
    dropped = CredentialVault(database, NEW, ManualClock(NOW))
    assert "old" in (await refused(dropped))["why"]
