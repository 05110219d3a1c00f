"""Logging in, second step: the code, and the session that it opens."""

from typing import NamedTuple

from gateway.identity.people.asker import Asker
from gateway.identity.people.changing import changed
from gateway.identity.people.doors import Door
from gateway.identity.people.journal import Journal
from gateway.identity.people.standing import check_active, check_role
from gateway.identity.people.wrong_attempts import Counted, WrongAttempts
from gateway.identity.ports import ChallengeStore, Someone
from gateway.identity.proofs.challenge_rules import is_alive
from gateway.identity.proofs.codes import Codes
from gateway.identity.proofs.totp_codes import TotpCodes
from gateway.identity.sessions.opening import Opened, SessionOpener
from ops.runtime.errors import HubError
from storage.models.challenges import Challenge
from storage.models.people import Totp, subject_of


class AskedChallenge(NamedTuple):
    """Which challenge, as its client knows it; an admin names the own role too."""

    email: str
    challenge_id: str
    role: str | None


class LoginCodes:
    """Takes login codes, and sends them again."""

    def __init__(
        self,
        *,
        codes: Codes,
        challenges: ChallengeStore,
        totp: TotpCodes,
        attempts: WrongAttempts,
        opener: SessionOpener,
        journal: Journal,
    ) -> None:
        self._codes, self._challenges, self._totp = codes, challenges, totp
        self._attempts, self._opener, self._journal = attempts, opener, journal

    async def resend(self, door: Door[Someone], asked: AskedChallenge, asker: Asker) -> Challenge:
        """The challenge with another code. Raises as `Codes.resend`; `request.invalid` where no code is mailed."""
        challenge, person = await self._begun(door, asked, asker)
        if challenge.channel == "totp":
            problem = {
                "name": "challenge_id",
                "reason": "its codes are made by the person's own device",
                "expected": "a challenge of the channel email",
            }
            raise HubError("request.invalid", {"fields": [problem]})
        return await self._codes.resend(challenge, person, asker.language_for(person), asker.now)

    async def verify(self, door: Door[Someone], asked: AskedChallenge, code: str, asker: Asker) -> Opened:
        """The session that the right code opens, with its tokens. Raises as `Codes.take`, `check_active` and `check_role`,
        and `rate.limited` when the address has had too many wrong codes.
        """
        counted = Counted("codes", door.audience, asked.email)
        self._attempts.check(counted, asker.ip)
        challenge, person = await self._begun(door, asked, asker)
        try:
            if challenge.channel == "totp":
                person = await self._take_totp(door, challenge, person, code, asker.now)
            else:
                await self._codes.take(challenge, self._codes.mailed(code), asker.now)
        except HubError as refusal:
            if refusal.code == "auth.code_invalid":
                self._attempts.count(counted, asker.ip)
                await self._journal.failed(person, "code", asker)
            raise
        return await self._opener.open(door, person, asker)

    async def _begun(self, door: Door[Someone], asked: AskedChallenge, asker: Asker) -> tuple[Challenge, Someone]:
        """The living challenge of the address at this door, and its person. Whatever is wrong with it, it has ended."""
        challenge = await self._challenges.get(asked.challenge_id)
        if (
            challenge is None
            or (challenge.kind, challenge.audience, challenge.email) != ("login", door.audience, asked.email)
            or not is_alive(challenge, asker.now)
        ):
            raise HubError("auth.challenge_ended")
        person = await door.people.get(challenge.subject_id)
        if person is None:
            raise HubError("auth.challenge_ended")
        check_active(person)
        check_role(person, asked.role)
        return challenge, person

    async def _take_totp(
        self, door: Door[Someone], challenge: Challenge, person: Someone, code: str, now: int
    ) -> Someone:
        """The person, who has used the step of the code up. Of two who send the same code one gets through."""
        accepted = self._accepted(person, code, now)
        await self._codes.take(challenge, lambda _: accepted is not None, now)

        def use_step(current: Someone) -> Someone:
            step = self._accepted(current, code, now)
            if step is None:  # another challenge has taken it since
                raise HubError("auth.challenge_ended")
            return current.model_copy(update={"totp": step})

        return await changed(door.people, person, use_step)

    def _accepted(self, person: Someone, code: str, now: int) -> Totp | None:
        if person.totp is None or person.totp.confirmed_at is None:
            return None
        return self._totp.accept(subject_of(person), person.totp, code, now)
