"""The handlers of one door without credentials: each parses, calls a flow, and shows what came of it."""

from typing import Any, Generic

import msgspec

from gateway.http.calls import OpenCall
from gateway.identity.door import bodies
from gateway.identity.door.flows import Flows
from gateway.identity.door.registration import AdminRegistration, UserRegistration
from gateway.identity.people.asker import asker_of
from gateway.identity.people.doors import Door
from gateway.identity.ports import Someone
from gateway.identity.proofs.challenge_rules import seconds_until_resend
from ops.runtime.errors import HubError
from ops.runtime.timestamps import format_timestamp
from storage.models.people import Admin, Audience, Person, User, subject_of


class DoorHandlers(Generic[Someone]):
    """What both doors do alike."""

    def __init__(self, door: Door[Someone], flows: Flows) -> None:
        self._door: Door[Someone] = door
        self._flows = flows

    async def resend_verification(self, call: OpenCall, body: dict[str, Any]) -> bytes:
        """POST .../resend-verification"""
        email = bodies.email_only(body)
        challenge = await self._flows.verifying.resend(self._door, email, asker_of(call))
        return msgspec.json.encode(
            {
                "email": email,
                "sent": True,
                "resend_after_seconds": seconds_until_resend(challenge, call.now),
                "verification_expires_at": format_timestamp(challenge.expires_at),
            }
        )

    async def verify_email(self, call: OpenCall, body: dict[str, Any]) -> bytes:
        """POST .../verify-email"""
        email, code = bodies.verification(body)
        person = await self._flows.verifying.verify(self._door, email, code, asker_of(call))
        shown = _registered(self._door.audience, person)
        return msgspec.json.encode({**shown, "verified_at": format_timestamp(person.verified_at or call.now)})

    async def login(self, call: OpenCall, body: dict[str, Any]) -> bytes:
        """POST .../login"""
        asked = bodies.login(self._door.audience, body)
        challenge = await self._flows.logging_in.begin(
            self._door, asked.email, asked.password, asked.role, asker_of(call)
        )
        return msgspec.json.encode(
            {
                "challenge_id": challenge.challenge_id,
                "channel": challenge.channel,
                "otp_expires_at": format_timestamp(challenge.expires_at),
                "resend_after_seconds": seconds_until_resend(challenge, call.now),
            }
        )

    async def resend_otp(self, call: OpenCall, body: dict[str, Any]) -> bytes:
        """POST .../login/resend-otp"""
        asked = bodies.login_challenge(self._door.audience, body)
        challenge = await self._flows.login_codes.resend(self._door, asked, asker_of(call))
        return msgspec.json.encode(
            {
                "challenge_id": challenge.challenge_id,
                "sent": True,
                "otp_expires_at": format_timestamp(challenge.expires_at),
                "resend_after_seconds": seconds_until_resend(challenge, call.now),
            }
        )

    async def verify_otp(self, call: OpenCall, body: dict[str, Any]) -> bytes:
        """POST .../login/verify-otp"""
        asked, code = bodies.login_code(self._door.audience, body)
        opened = await self._flows.login_codes.verify(self._door, asked, code, asker_of(call))
        return opened.answer()

    async def refresh(self, call: OpenCall, body: dict[str, Any]) -> bytes:
        """POST .../refresh"""
        opened = await self._flows.refreshing.refresh(self._door, bodies.refresh_token(body), asker_of(call))
        return opened.answer()


class UserRegistrations:
    """POST /public/v1/auth/register"""

    def __init__(self, door: Door[User], flows: Flows) -> None:
        self._door, self._registering = door, flows.registering

    async def handle(self, call: OpenCall, body: dict[str, Any]) -> bytes:
        """A user of a new tenant."""
        asked: UserRegistration = bodies.user_registration(body)
        user, challenge = await self._registering.register(self._door, asked.person, asked.password, asker_of(call))
        return _waiting(self._door.audience, user, challenge.expires_at)


class AdminRegistrations:
    """POST /public/v1/admin/auth/register"""

    def __init__(self, door: Door[Admin], flows: Flows, *, closed: bool) -> None:
        self._door, self._registering, self._closed = door, flows.registering, closed

    async def handle(self, call: OpenCall, body: dict[str, Any]) -> bytes:
        """An admin, where admins may register themselves. Raises `admin.registration_closed`."""
        if self._closed:
            raise HubError("admin.registration_closed")
        asked: AdminRegistration = bodies.admin_registration(body)
        admin, challenge = await self._registering.register(self._door, asked.person, asked.password, asker_of(call))
        return _waiting(self._door.audience, admin, challenge.expires_at)


def _waiting(audience: Audience, person: Person, expires_at: int) -> bytes:
    shown = _registered(audience, person)
    return msgspec.json.encode({**shown, "verification_expires_at": format_timestamp(expires_at)})


def _registered(audience: Audience, person: Person) -> dict[str, Any]:
    return {f"{audience}_id": subject_of(person), "email": person.email, "status": person.status}
