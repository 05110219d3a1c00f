"""Logging in, first step: the password. An unknown address and a wrong password are told apart neither by text nor by time.

So whatever is done for a known person alone (an audit event, a mail about a lock) is done after the answer.
"""

from functools import partial

from gateway.identity.people.afterwards import Afterwards
from gateway.identity.people.asker import Asker
from gateway.identity.people.changing import changed
from gateway.identity.people.doors import Door
from gateway.identity.people.journal import Journal
from gateway.identity.people.letters import Notices
from gateway.identity.people.standing import check_active, check_role
from gateway.identity.people.wrong_attempts import Counted, WrongAttempts
from gateway.identity.ports import Someone
from gateway.identity.proofs.codes import Codes
from ops.runtime.errors import HubError
from storage.models.challenges import Challenge, Channel
from storage.models.people import Person
from storage.passwords import Passwords


class LoggingIn:
    """Checks passwords and begins login challenges."""

    def __init__(
        self,
        *,
        passwords: Passwords,
        attempts: WrongAttempts,
        codes: Codes,
        journal: Journal,
        notices: Notices,
        afterwards: Afterwards,
    ) -> None:
        self._passwords, self._attempts, self._codes = passwords, attempts, codes
        self._journal, self._notices, self._afterwards = journal, notices, afterwards

    async def begin(self, door: Door[Someone], email: str, password: str, role: str | None, asker: Asker) -> Challenge:
        """The challenge whose code, mailed or of the person's device, completes the login.

        Raises `rate.limited` for a locked address, `auth.credentials_invalid`, and with the right password what
        `check_active` and `check_role` raise.
        """
        counted = Counted("passwords", door.audience, email)
        self._attempts.check(counted, asker.ip)
        person = await door.people.by_email(email)
        if not await self._passwords.verify(None if person is None else person.password_hash, password):
            await self._refused(counted, person, asker)
        assert person is not None  # noqa: S101  (nobody's password matches nothing)
        await self._check(person, role, asker)
        if self._passwords.is_outdated(person.password_hash):
            person = await self._rehashed(door, person, password)
        channel: Channel = "totp" if person.totp is not None and person.totp.confirmed_at is not None else "email"
        return await self._codes.begin("login", person, asker.language_for(person), asker.now, channel)

    async def _refused(self, counted: Counted, person: Someone | None, asker: Asker) -> None:
        locked_until = self._attempts.count(counted, asker.ip)
        if person is not None:
            await self._afterwards.run(partial(self._journal.failed, person, "password", asker))
            if locked_until is not None:
                await self._afterwards.run(
                    partial(self._notices.tell_locked, person, locked_until, asker.ip, asker.now)
                )
        raise HubError("auth.credentials_invalid")

    async def _check(self, person: Person, role: str | None, asker: Asker) -> None:
        try:
            check_active(person)
            check_role(person, role)
        except HubError as refusal:
            await self._afterwards.run(partial(self._journal.failed, person, refusal.code, asker))
            raise

    async def _rehashed(self, door: Door[Someone], person: Someone, password: str) -> Someone:
        outdated, renewed = person.password_hash, await self._passwords.hash(password)

        def renew(current: Someone) -> Someone | None:
            if current.password_hash != outdated:
                return None
            return current.model_copy(update={"password_hash": renewed})

        return await changed(door.people, person, renew)
