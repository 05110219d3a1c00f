"""The vault of exchange credentials: what comes in is wrapped, what a connector needs is opened, nothing else gets out."""

import asyncio

from ops.runtime.clock import Clock
from ops.runtime.errors import HubError
from storage.credential_keys import Undecryptable, current, decrypt, make_key
from storage.models.credentials import (
    KEY_ALGORITHMS,
    MOST_PUTS_KNOWN,
    Credential,
    CredentialKey,
    CredentialPart,
    GivenCredential,
    OpenedCredential,
    context_of,
)
from storage.mongo.credentials import CredentialKeys, Credentials
from storage.mongo.documents import Database
from storage.mongo.failures import REPLACE_TRIES, AlreadyStored
from storage.sealing import KeyRing, UnknownKey, Unreadable


class TooManyWriters(Exception):
    """Others kept changing the credential."""


class CredentialVault:
    """Credentials and the keys that they are encrypted to. Its methods raise `StoreUnavailable`."""

    def __init__(self, database: Database, key_ring: KeyRing, clock: Clock) -> None:
        self._credentials, self._keys = Credentials(database), CredentialKeys(database)
        self._key_ring, self._clock = key_ring, clock

    async def find(self, exchange_code: str, credential_name: str) -> Credential | None:
        """The credential of that name, sealed."""
        return await self._credentials.get(exchange_code, credential_name)

    async def of_exchange(self, exchange_code: str) -> list[Credential]:
        """The credentials of an exchange, sealed, by name."""
        return await self._credentials.of_exchange(exchange_code)

    async def put(self, new_id: str, given: GivenCredential, at: int) -> Credential:
        """Keep what was given at `at` (ns) in the place of what that name had before; `new_id` where it had nothing.

        `new_id` names the write too: one that was done before changes nothing, whatever was put since. Raises `TooManyWriters`.
        """
        for _ in range(REPLACE_TRIES):
            found = await self._credentials.get(given.exchange_code, given.credential_name)
            if found is not None and new_id in found.puts:
                return found
            wanted = self._wrapped(new_id, given, found, at)
            if await self._stored(wanted):
                return wanted
        raise TooManyWriters(f"the credential {given.credential_name!r} of {given.exchange_code} keeps changing")

    async def opened(self, credential: Credential) -> OpenedCredential:
        """The credential in plain text. Raises `credential.unreadable`, naming the part and why."""
        keys = await self._keys.all()
        passphrase = credential.sealed_passphrase
        return OpenedCredential(
            self._opened(credential, "api_key", credential.sealed_api_key, keys),
            self._opened(credential, "api_secret", credential.sealed_api_secret, keys),
            None if passphrase is None else self._opened(credential, "passphrase", passphrase, keys),
        )

    async def make_first_keys(self) -> list[str]:
        """See to it that there is a key of each algorithm; the kids of those that were made now."""
        there = {key.algorithm for key in await self._keys.all()}
        return await self._make({algorithm: 1 for algorithm in KEY_ALGORITHMS if algorithm not in there})

    async def rotate_keys(self) -> list[str]:
        """A new key of each algorithm, which senders are to use from now on; their kids. The ones before still open."""
        newest = {key.algorithm: key.number for key in current(await self._keys.all())}
        return await self._make({algorithm: newest.get(algorithm, 0) + 1 for algorithm in KEY_ALGORITHMS})

    async def published(self) -> list[CredentialKey]:
        """The keys that senders are to use, one an algorithm."""
        return current(await self._keys.all())

    async def _make(self, numbers: dict[str, int]) -> list[str]:
        made = []
        for algorithm in KEY_ALGORITHMS:
            if algorithm in numbers:
                now, number = self._clock.now(), numbers[algorithm]
                key = await asyncio.to_thread(make_key, algorithm, number, self._key_ring, now)
                if await self._keys.insert(key):
                    made.append(key.kid)
        return made

    def _wrapped(self, new_id: str, given: GivenCredential, before: Credential | None, at: int) -> Credential:
        credential_id, parts = new_id if before is None else before.credential_id, given.parts
        return Credential(
            credential_id=credential_id,
            exchange_code=given.exchange_code,
            credential_name=given.credential_name,
            sealed_api_key=self._sealed(credential_id, "api_key", parts.api_key),
            sealed_api_secret=self._sealed(credential_id, "api_secret", parts.api_secret),
            sealed_passphrase=(
                None if parts.passphrase is None else self._sealed(credential_id, "passphrase", parts.passphrase)
            ),
            scope=given.scope,
            fingerprint=parts.fingerprint,
            created_at=at if before is None else before.created_at,
            updated_at=at if before is None else max(at, before.updated_at),
            puts=(*(() if before is None else before.puts), new_id)[-MOST_PUTS_KNOWN:],
            version=1 if before is None else before.version + 1,
        )

    async def _stored(self, credential: Credential) -> bool:
        if credential.version > 1:
            return await self._credentials.replace(credential)
        try:
            await self._credentials.insert(credential)
        except AlreadyStored:
            return False
        return True

    def _sealed(self, credential_id: str, part: CredentialPart, text: str) -> str:
        return self._key_ring.seal(text.encode(), context_of(credential_id, part))

    def _opened(self, credential: Credential, part: CredentialPart, sealed: str, keys: list[CredentialKey]) -> str:
        try:
            ciphertext = self._key_ring.open(sealed, context_of(credential.credential_id, part)).decode()
            return decrypt(ciphertext, keys, self._key_ring)
        except (Undecryptable, UnknownKey, Unreadable) as error:
            raise HubError("credential.unreadable", _about(credential, part, error)) from None


def _about(credential: Credential, part: CredentialPart, error: Exception) -> dict[str, str]:
    return {
        "credential_id": credential.credential_id,
        "exchange_code": credential.exchange_code,
        "credential_name": credential.credential_name,
        "field": f"{part}_ciphertext",
        "why": str(error),
    }
