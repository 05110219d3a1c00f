"""POST /public/v1/auth/invitations/accept: the mail proved the address, so whoever has its token is a user at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec

from gateway.http.calls import OpenCall
from gateway.http.fields import BodyReader
from gateway.identity.own.invitations import InvitationStore
from gateway.identity.people.chosen_password import chosen_password
from gateway.identity.ports import AuditLog, People, TenantStore
from ops.runtime.errors import HubError
from ops.runtime.languages import LANGUAGES
from storage.models.audit import Act
from storage.models.invitations import Invitation, status_of
from storage.models.people import PreferredLanguage, User
from storage.mongo.failures import AlreadyStored
from storage.passwords import Passwords
from storage.sealing import KeyRing, UnknownKey

SHORTEST_TOKEN: Final = 16
LONGEST_TOKEN: Final = 512


@dataclass(frozen=True, slots=True)
class _Asked:
    token: str
    email: str
    password: str
    display_name: str
    country_region: str | None
    preferred_language: PreferredLanguage | None


class AcceptInvitation:
    """Makes members of tenants. The user's id is the invitation's, so that a token never makes two users."""

    def __init__(
        self,
        users: People[User],
        tenants: TenantStore,
        invitations: InvitationStore,
        *,
        passwords: Passwords,
        key_ring: KeyRing,
        audit: AuditLog,
    ) -> None:
        self._users, self._tenants, self._invitations = users, tenants, invitations
        self._passwords, self._key_ring, self._audit = passwords, key_ring, audit

    async def handle(self, call: OpenCall, body: dict[str, Any]) -> bytes:
        """A verified and active user. Raises `invitation.invalid` and `user.email_taken`."""
        asked = _read(body)
        invitation = await self._valid(asked, call.now)
        user = await self._joined(invitation, asked, call)
        await self._invitations.accept(invitation.invitation_id, user.user_id, call.now)
        await self._audit.record(_act(call, invitation, user))
        return msgspec.json.encode(
            {"user_id": user.user_id, "tenant_id": user.tenant_id, "email": user.email, "status": user.status}
        )

    async def _valid(self, asked: _Asked, now: int) -> Invitation:
        """The pending invitation of that token and address, to a tenant that is active."""
        invitation_id, _, secret = asked.token.partition(".")
        invitation = await self._invitations.get(invitation_id)
        if (
            invitation is None
            or status_of(invitation, now) != "pending"
            or invitation.email != asked.email
            or not self._is_token(invitation, secret)
        ):
            raise HubError("invitation.invalid")
        tenant = (await self._tenants.get_many([invitation.tenant_id])).get(invitation.tenant_id)
        if tenant is None or tenant.status != "active":
            raise HubError("invitation.invalid")
        return invitation

    def _is_token(self, invitation: Invitation, secret: str) -> bool:
        try:
            return self._key_ring.matches(invitation.token_hash, secret.encode(), invitation.invitation_id.encode())
        except UnknownKey:
            return False  # the operator has dropped the key, which ends what was hashed by it (docs/keys.md)

    async def _joined(self, invitation: Invitation, asked: _Asked, call: OpenCall) -> User:
        """The new user; or that of a try before this one, which was stopped before the invitation was marked, where the
        password is the same.
        """
        user = _new_user(invitation, asked, await self._passwords.hash(asked.password), call)
        try:
            await self._users.insert(user)
        except AlreadyStored:
            stored = await self._users.get(user.user_id)
            if stored is None:
                raise HubError("user.email_taken") from None
            if not await self._passwords.verify(stored.password_hash, asked.password):
                raise HubError("invitation.invalid") from None
            return stored
        return user


def _read(body: Mapping[str, Any]) -> _Asked:
    reader = BodyReader(body)
    email = reader.email("email") or ""
    password = chosen_password(reader, "password", email)
    asked = _Asked(
        token=reader.text("token", required=True, least=SHORTEST_TOKEN, most=LONGEST_TOKEN) or "",
        email=email,
        password=password,
        display_name=reader.name("display_name") or "",
        country_region=reader.text("country_region", least=2, most=64),
        preferred_language=cast("PreferredLanguage | None", reader.choice("preferred_language", LANGUAGES)),
    )
    reader.finish()
    return asked


def _new_user(invitation: Invitation, asked: _Asked, password_hash: str, call: OpenCall) -> User:
    return User(
        user_id=f"usr_{invitation.invitation_id.removeprefix('inv_')}",
        tenant_id=invitation.tenant_id,
        tenant_role="member",
        email=invitation.email,
        display_name=asked.display_name,
        company_name=invitation.company_name,
        country_region=asked.country_region or invitation.country_region,
        preferred_language=asked.preferred_language or call.language,
        status="active",
        password_hash=password_hash,
        created_at=call.now,
        verified_at=call.now,
    )


def _act(call: OpenCall, invitation: Invitation, user: User) -> Act:
    return Act(
        actor_type="user",
        actor_id=user.user_id,
        action="invitation.accept",
        target_type="invitation",
        target_id=invitation.invitation_id,
        before=None,
        after={"tenant_id": user.tenant_id, "tenant_role": user.tenant_role},
        ip=call.client_ip,
        trace_id=call.trace_id,
        effect_id=invitation.invitation_id,
    )
