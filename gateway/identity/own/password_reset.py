"""A forgotten password: a code by mail, and a new password for whoever has it. Nobody learns here which addresses are known.

For an address that nobody active has, the same is done: a challenge is kept, with a mail that has expired before it is sent.
Its code is known to nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.http.calls import OpenCall
from gateway.http.fields import BodyReader
from gateway.identity.own.password_changed import PasswordChanged, with_password
from gateway.identity.people.asker import asker_of
from gateway.identity.people.changing import changed
from gateway.identity.people.chosen_password import chosen_password
from gateway.identity.people.wrong_attempts import Counted, WrongAttempts
from gateway.identity.ports import ChallengeStore, People
from gateway.identity.proofs.challenge_rules import seconds_until_reset
from gateway.identity.proofs.codes import Codes
from ops.runtime.errors import HubError
from ops.runtime.timestamps import format_timestamp
from storage.models.audit import Act
from storage.models.challenges import MOST_RESETS, RESEND_AFTER_SECONDS, Challenge
from storage.models.people import User
from storage.passwords import Passwords

_KIND: Final = "password_reset"
_NOBODY: Final = "nobody"


class Forgotten:
    """POST /public/v1/auth/password/forgot."""

    def __init__(self, users: People[User], challenges: ChallengeStore, codes: Codes) -> None:
        self._users, self._challenges, self._codes = users, challenges, codes

    async def handle(self, call: OpenCall, body: dict[str, Any]) -> bytes:
        """The same for every address. Raises `auth.resend_too_soon`."""
        reader = BodyReader(body)
        email = reader.email("email") or ""
        reader.finish()
        known = await self._users.by_email(email)
        user = known if known is not None and known.status == "active" else _nobody(email, call.now)
        await self._check_pace(user, call.now)
        language = asker_of(call).language_for(user)
        challenge = await self._codes.begin(_KIND, user, language, call.now, sent=user is known)
        return msgspec.json.encode(
            {
                "email": email,
                "sent": True,
                "challenge_id": challenge.challenge_id,
                "resend_after_seconds": RESEND_AFTER_SECONDS,
                "code_expires_at": format_timestamp(challenge.expires_at),
            }
        )

    async def _check_pace(self, user: User, now: int) -> None:
        newest = await self._challenges.newest_of(_KIND, "user", user.user_id, MOST_RESETS)
        if wait := seconds_until_reset(newest, now):
            raise HubError("auth.resend_too_soon", {"retry_after_seconds": wait}, retry_after=wait)


@dataclass(frozen=True, slots=True)
class _Asked:
    email: str
    challenge_id: str
    code: str
    password: str


class Reset:
    """POST /public/v1/auth/password/reset."""

    def __init__(
        self,
        users: People[User],
        challenges: ChallengeStore,
        codes: Codes,
        *,
        passwords: Passwords,
        attempts: WrongAttempts,
        after: PasswordChanged,
    ) -> None:
        self._users, self._challenges, self._codes = users, challenges, codes
        self._passwords, self._attempts, self._after = passwords, attempts, after

    async def handle(self, call: OpenCall, body: dict[str, Any]) -> bytes:
        """All sessions of the user end. Raises `auth.code_invalid`, `auth.challenge_ended`, and `rate.limited` after too many
        wrong codes.
        """
        asked = _read(body)
        challenge = await self._taken(call, asked)
        user = await self._users.get(challenge.subject_id)
        if user is None or user.status != "active":
            raise HubError("auth.challenge_ended")
        kept = await self._passwords.hash(asked.password)
        user = await changed(self._users, user, with_password(kept))
        return await self._after.finish(user, _act(call, challenge), call.now, None)

    async def _taken(self, call: OpenCall, asked: _Asked) -> Challenge:
        """The challenge, which ends by this: of several with the right code one is let through."""
        counted = Counted("reset codes", "user", asked.email)
        self._attempts.check(counted, call.client_ip)
        challenge = await self._challenges.get(asked.challenge_id)
        if challenge is None or (challenge.kind, challenge.audience, challenge.email) != (_KIND, "user", asked.email):
            raise HubError("auth.challenge_ended")
        try:
            return await self._codes.take(challenge, self._codes.mailed(asked.code), call.now)
        except HubError as refusal:
            if refusal.code == "auth.code_invalid":
                self._attempts.count(counted, call.client_ip)
            raise


def _read(body: Mapping[str, Any]) -> _Asked:
    reader = BodyReader(body)
    email = reader.email("email") or ""
    challenge_id = reader.text("challenge_id", required=True, least=8, most=64) or ""
    code = reader.code("reset_code") or ""
    password = chosen_password(reader, "new_password", email)
    reader.finish()
    return _Asked(email, challenge_id, code, password)


def _nobody(email: str, now: int) -> User:
    """Who stands for an address without an active user; the id is the address's, so that asking again is noticed."""
    return User(
        user_id=f"{_NOBODY}:{email}",
        tenant_id=_NOBODY,
        email=email,
        display_name="",
        company_name="",
        country_region="",
        password_hash="",
        created_at=now,
    )


def _act(call: OpenCall, challenge: Challenge) -> Act:
    return Act(
        actor_type="user",
        actor_id=challenge.subject_id,
        action="user.password",
        target_type="user",
        target_id=challenge.subject_id,
        before=None,
        after={"password": "reset"},
        ip=call.client_ip,
        trace_id=call.trace_id,
        effect_id=challenge.challenge_id,
    )
