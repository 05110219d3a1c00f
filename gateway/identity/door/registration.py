"""Registering at a door: a person who waits for the address to be verified, and the mail with the code."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.identity.people.asker import Asker
from gateway.identity.people.doors import Door
from gateway.identity.ports import Someone
from gateway.identity.proofs.codes import Codes
from ops.runtime.errors import HubError
from ops.runtime.identifiers import Identifiers
from storage.models.challenges import Challenge
from storage.models.people import Admin, AdminRole, PreferredLanguage, User
from storage.mongo.failures import AlreadyStored
from storage.passwords import Passwords


@dataclass(frozen=True, slots=True)
class UserRegistration:
    """What a user registers with; the address is normalised, the password one that may be chosen."""

    email: str
    password: str
    display_name: str
    company_name: str
    country_region: str
    preferred_language: PreferredLanguage

    def person(self, user_id: str, identifiers: Identifiers, password_hash: str, now: int) -> User:
        """The user, owner of a tenant that is made once the address is verified."""
        return User(
            user_id=user_id,
            tenant_id=identifiers.new("ten"),
            email=self.email,
            display_name=self.display_name,
            company_name=self.company_name,
            country_region=self.country_region,
            preferred_language=self.preferred_language,
            password_hash=password_hash,
            created_at=now,
        )


@dataclass(frozen=True, slots=True)
class AdminRegistration:
    """What an admin registers with, as above."""

    email: str
    password: str
    display_name: str
    role: AdminRole
    preferred_language: PreferredLanguage

    def person(self, admin_id: str, _identifiers: Identifiers, password_hash: str, now: int) -> Admin:
        """The admin."""
        return Admin(
            admin_id=admin_id,
            role=self.role,
            email=self.email,
            display_name=self.display_name,
            preferred_language=self.preferred_language,
            password_hash=password_hash,
            created_at=now,
        )


MakePerson = Callable[[str, Identifiers, str, int], Someone]


class Registering:
    """Registers people."""

    def __init__(self, passwords: Passwords, codes: Codes, identifiers: Identifiers) -> None:
        self._passwords, self._codes, self._identifiers = passwords, codes, identifiers

    async def register(
        self, door: Door[Someone], make: MakePerson[Someone], password: str, asker: Asker
    ) -> tuple[Someone, Challenge]:
        """The person of `make` and the challenge that waits for the code. Raises `user.email_taken`, `admin.email_taken`.

        Nobody looks for the address first, and for one that is taken the same is done: a hash, an insert (which is refused),
        and a challenge, of somebody who is stored nowhere and with a mail that nobody sends. A crash after the insert leaves a person without a challenge; `resend-verification` makes one.
        """
        password_hash = await self._passwords.hash(password)
        person = make(self._identifiers.new(door.prefix), self._identifiers, password_hash, asker.now)
        is_new = await _is_inserted(door, person)
        challenge = await self._codes.begin("verification", person, asker.language_for(person), asker.now, sent=is_new)
        if not is_new:
            raise HubError(door.taken)
        return person, challenge


async def _is_inserted(door: Door[Someone], person: Someone) -> bool:
    """Whether the address was free."""
    try:
        await door.people.insert(person)
    except AlreadyStored:
        return False
    return True
