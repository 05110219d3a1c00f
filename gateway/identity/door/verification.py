"""Verifying an address: the code of the registration's mail, and sending it again."""

from gateway.identity.people.asker import Asker
from gateway.identity.people.changing import changed
from gateway.identity.people.doors import Door
from gateway.identity.ports import Announcer, ChallengeStore, Someone
from gateway.identity.proofs.challenge_rules import may_resend
from gateway.identity.proofs.codes import Codes
from ops.runtime.errors import HubError
from ops.runtime.timestamps import format_timestamp
from storage.models.challenges import Challenge
from storage.models.people import subject_of


class Verifying:
    """Verifies addresses of registered people."""

    def __init__(self, codes: Codes, challenges: ChallengeStore, announcer: Announcer) -> None:
        self._codes, self._challenges, self._announcer = codes, challenges, announcer

    async def resend(self, door: Door[Someone], email: str, asker: Asker) -> Challenge:
        """The challenge with another code, or a new one where the last has run out.

        Raises `user.not_found` or `admin.not_found` when nobody of the address waits for a code, `auth.resend_too_soon`, and
        `auth.challenge_ended` with `details.retry_at` when codes or tries are used up: from then on another begins.
        """
        person = await door.people.by_email(email)
        if person is None or person.status != "pending_verification":
            raise HubError(door.unknown)
        language = asker.language_for(person)
        last = await self._challenges.newest("verification", door.audience, subject_of(person))
        # A used code whose person still waits: the process was stopped in between, and another code repairs it.
        if last is None or asker.now >= last.expires_at or _was_used(last):
            return await self._codes.begin("verification", person, language, asker.now)
        if not may_resend(last, asker.now):
            raise HubError("auth.challenge_ended", {"retry_at": format_timestamp(last.expires_at)})
        return await self._codes.resend(last, person, language, asker.now)

    async def verify(self, door: Door[Someone], email: str, code: str, asker: Asker) -> Someone:
        """The person, who is `active` or waits for approval. Raises as `Codes.take`; nobody is as a code that has ended.

        The code is taken first, and what it opens is made after: a process that is stopped in between leaves a person who
        waits and can have another code, never one who is in by a code that did not count.
        """
        person = await door.people.by_email(email)
        if person is None or person.status != "pending_verification":
            raise HubError("auth.challenge_ended")
        challenge = await self._challenges.newest("verification", door.audience, subject_of(person))
        if challenge is None or challenge.email != email:
            raise HubError("auth.challenge_ended")
        await self._codes.take(challenge, self._codes.mailed(code), asker.now)
        status = await door.admit(person, asker.now)

        def verified(current: Someone) -> Someone | None:
            if current.status != "pending_verification":
                return None
            return current.model_copy(update={"status": status, "verified_at": asker.now})

        found = await changed(door.people, person, verified)
        await self._announcer.announce(door.audience, subject_of(person))
        return found


def _was_used(challenge: Challenge) -> bool:
    return challenge.ended_at is not None and may_resend(
        challenge.model_copy(update={"ended_at": None}), challenge.ended_at
    )
