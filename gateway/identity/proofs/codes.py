"""One-time codes: begun, sent again, and taken. A code is kept as a keyed hash, and travels in the mail's own document.

Whoever takes a code does so by a guarded write of its challenge, the right code and a wrong one alike: so of any number of
simultaneous tries at most five are answered by the code, and one at most is let through.
"""

import secrets
from collections.abc import Callable

from gateway.identity.people.letters import code_mail
from gateway.identity.ports import ChallengeStore
from gateway.identity.proofs.challenge_rules import (
    is_alive,
    may_resend,
    seconds_until_resend,
    tries_left,
    used,
    wrongly_tried,
)
from ops.runtime.errors import HubError
from ops.runtime.identifiers import Identifiers
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.jobs import SEND_MAIL, Jobs
from storage.models.challenges import ALIVE_SECONDS, RESEND_AFTER_SECONDS, Challenge, ChallengeKind, Channel
from storage.models.mails import Mail, outbox_id_of
from storage.models.people import Person, PreferredLanguage, audience_of, subject_of
from storage.mongo.challenges import COLLECTION
from storage.sealing import KeyRing, UnknownKey

Right = Callable[[Challenge], bool]
"""Whether what was sent is right for the challenge as it is now."""


def draw_code() -> str:
    """Six digits that nobody can foretell."""
    return f"{secrets.randbelow(10**6):06d}"


class Codes:
    """Challenges with codes by mail, or (channel `totp`) by the person's own device."""

    def __init__(
        self,
        challenges: ChallengeStore,
        key_ring: KeyRing,
        jobs: Jobs,
        identifiers: Identifiers,
        draw: Callable[[], str] = draw_code,
    ) -> None:
        self._challenges, self._key_ring, self._jobs = challenges, key_ring, jobs
        self._identifiers, self._draw = identifiers, draw

    async def begin(
        self,
        kind: ChallengeKind,
        person: Person,
        language: PreferredLanguage,
        now: int,
        channel: Channel = "email",
        *,
        sent: bool = True,
    ) -> Challenge:
        """A new challenge; with channel `email` its code is on the way. With `sent` False the same is done, but the mail has
        expired before anybody sends it.
        """
        challenge = Challenge(
            challenge_id=self._identifiers.new("chl"),
            kind=kind,
            audience=audience_of(person),
            subject_id=subject_of(person),
            email=person.email,
            channel=channel,
            code_hash=None,
            created_at=now,
            expires_at=now + ALIVE_SECONDS[kind] * NANOSECONDS_PER_SECOND,
            resend_at=now if channel == "totp" else now + RESEND_AFTER_SECONDS * NANOSECONDS_PER_SECOND,
            mails=0 if channel == "totp" else 1,
        )
        if channel == "email":
            challenge = self._with_code(challenge, person, language, now)
        if not sent and challenge.mail is not None:
            unsent = challenge.mail.model_copy(update={"state": "expired", "sealed": None})
            challenge = challenge.model_copy(update={"mail": unsent})
        await self._challenges.insert(challenge)
        await self._send(challenge.mail)
        return challenge

    async def resend(self, challenge: Challenge, person: Person, language: PreferredLanguage, now: int) -> Challenge:
        """The challenge with a new code, which lives as long as the first one did; tries go on counting.

        Raises `auth.challenge_ended` and `auth.resend_too_soon`.
        """
        if not may_resend(challenge, now):
            raise HubError("auth.challenge_ended")
        if wait := seconds_until_resend(challenge, now):
            raise HubError("auth.resend_too_soon", {"retry_after_seconds": wait}, retry_after=wait)
        again = challenge.model_copy(
            update={
                "mails": challenge.mails + 1,
                "expires_at": now + ALIVE_SECONDS[challenge.kind] * NANOSECONDS_PER_SECOND,
                "resend_at": now + RESEND_AFTER_SECONDS * NANOSECONDS_PER_SECOND,
            }
        )
        again = self._with_code(again, person, language, now)
        if not await self._challenges.replace(challenge, again):
            raise HubError("auth.resend_too_soon", {"retry_after_seconds": 1}, retry_after=1)
        await self._send(again.mail)
        return again

    async def take(self, challenge: Challenge, right: Right, now: int) -> Challenge:
        """The challenge, ended by this very call since what was sent is right.

        Raises `auth.code_invalid` with `tries_left`, and `auth.challenge_ended` for a challenge that is dead, also by the newest
        that the store has of it.
        """
        current: Challenge | None = None
        newest: Challenge | None = challenge
        while newest is not None and newest != current:  # what was read before may have been tried or sent again since
            current = newest
            if is_alive(current, now):
                is_right = right(current)
                after = used(current, now) if is_right else wrongly_tried(current, now)
                if await self._challenges.replace(current, after):
                    if is_right:
                        return after
                    raise HubError("auth.code_invalid", {"tries_left": tries_left(after)})
            newest = await self._challenges.get(challenge.challenge_id)
        raise HubError("auth.challenge_ended")

    def mailed(self, code: str) -> Right:
        """Whether `code` is the one that was mailed last. One whose key has left the ring is none."""
        return lambda challenge: self._is_of(challenge, code)

    def _is_of(self, challenge: Challenge, code: str) -> bool:
        if challenge.code_hash is None:
            return False
        try:
            return self._key_ring.matches(challenge.code_hash, code.encode(), challenge.challenge_id.encode())
        except UnknownKey:
            return False

    def _with_code(self, challenge: Challenge, person: Person, language: PreferredLanguage, now: int) -> Challenge:
        code = self._draw()
        outbox_id = outbox_id_of(COLLECTION, challenge.challenge_id, challenge.mails)
        mail = code_mail(
            self._key_ring,
            kind=challenge.kind,
            person=person,
            language=language,
            outbox_id=outbox_id,
            code=code,
            now=now,
            expires_at=challenge.expires_at,
        )
        kept = self._key_ring.keyed_hash(code.encode(), challenge.challenge_id.encode())
        return challenge.model_copy(update={"code_hash": kept, "mail": mail})

    async def _send(self, mail: Mail | None) -> None:
        if mail is not None:
            await self._jobs.enqueue(SEND_MAIL, mail.outbox_id)
