"""Invitations to the caller's tenant, which its owner makes and sees."""

import json
import secrets
from typing import Any, Final, Protocol

import msgspec

from gateway.http.calls import BearerCall
from gateway.http.fields import BodyReader
from gateway.http.listing import page_asked, page_of
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from gateway.identity.own.account import OwnAccount
from gateway.identity.own.acts import own_act
from gateway.identity.ports import AuditLog, People, RateLimits
from ops.runtime.errors import HubError
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, format_timestamp
from storage.jobs import SEND_MAIL, Jobs
from storage.models.invitations import ALIVE_SECONDS, Invitation, status_of
from storage.models.mails import Mail, outbox_id_of
from storage.models.people import User
from storage.mongo.failures import AlreadyStored
from storage.mongo.invitations import COLLECTION
from storage.sealing import KeyRing

TOKEN_BYTES: Final = 32
_LATEST: Final = 1 << 63


class InvitationStore(Protocol):
    """Keeps invitations (storage/mongo/invitations.py)."""

    async def insert(self, invitation: Invitation) -> None: ...
    async def get(self, invitation_id: str) -> Invitation | None: ...
    async def of_tenant(self, tenant_id: str) -> list[Invitation]: ...
    async def pending(self, tenant_id: str, email: str, now: int) -> Invitation | None: ...
    async def accept(self, invitation_id: str, user_id: str, now: int) -> bool: ...


class OwnInvitations:
    """The two operations."""

    def __init__(
        self,
        account: OwnAccount,
        users: People[User],
        invitations: InvitationStore,
        *,
        key_ring: KeyRing,
        jobs: Jobs,
        audit: AuditLog,
        limits: RateLimits,
        tokens: PageTokens,
    ) -> None:
        self._account, self._users, self._invitations = account, users, invitations
        self._key_ring, self._jobs, self._audit = key_ring, jobs, audit
        self._limits, self._tokens = limits, tokens

    async def list(self, call: BearerCall) -> bytes:
        """All of the tenant, newest first. Raises `user.owner_required`."""
        reader = QueryReader(call.query)
        asked = page_asked(reader)
        reader.finish()
        owner = await self._account.owner(call)
        found = await self._invitations.of_tenant(owner.tenant_id)
        page, following = page_of(found, asked, _place, self._tokens, ("invitations", {"tenant": owner.tenant_id}))
        items = [_view(invitation, call.now) for invitation in page]
        return msgspec.json.encode({"items": items, "next_page_token": following})

    async def create(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """An invitation, whose mail is on the way. A second try of the same write finds that of the first.

        Raises `user.owner_required`, `user.email_taken`, `invitation.pending`, and `rate.limited`: mails go to whoever is
        named, so a tenant has as many a minute as an address has requests without credentials.
        """
        reader = BodyReader(body)
        email = reader.email("email") or ""
        reader.finish()
        owner = await self._account.owner(call)
        invitation = await self._kept(call, owner, email)
        if invitation.mail is not None:
            await self._jobs.enqueue(SEND_MAIL, invitation.mail.outbox_id)
        target = ("invitation", invitation.invitation_id)
        await self._audit.record(own_act(call, "invitation.create", target, {"status": "pending"}))
        return msgspec.json.encode(_view(invitation, call.now))

    async def _kept(self, call: BearerCall, owner: User, email: str) -> Invitation:
        invitation_id = f"inv_{call.effect_id}"
        kept = await self._invitations.get(invitation_id)
        if kept is not None:
            return kept
        self._limits.spend("auth", f"invitations of {owner.tenant_id}", 1)
        if await self._users.by_email(email) is not None:
            raise HubError("user.email_taken")
        if await self._invitations.pending(owner.tenant_id, email, call.now) is not None:
            raise HubError("invitation.pending")
        invitation = self._new(invitation_id, owner, email, call.now)
        try:
            await self._invitations.insert(invitation)
        except AlreadyStored:  # another try of this write was faster by a moment
            return await self._invitations.get(invitation_id) or invitation
        return invitation

    def _new(self, invitation_id: str, owner: User, email: str, now: int) -> Invitation:
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        expires_at = now + ALIVE_SECONDS * NANOSECONDS_PER_SECOND
        outbox_id = outbox_id_of(COLLECTION, invitation_id, 1)
        token = json.dumps({"token": f"{invitation_id}.{secret}"}).encode()
        mail = Mail(
            outbox_id=outbox_id,
            to=email,
            template="invitation",
            language=owner.preferred_language,
            values={"company_name": owner.company_name, "inviter": owner.display_name},
            sealed=self._key_ring.seal(token, outbox_id.encode()),
            created_at=now,
            expires_at=expires_at,
        )
        return Invitation(
            invitation_id=invitation_id,
            tenant_id=owner.tenant_id,
            invited_by=owner.user_id,
            email=email,
            company_name=owner.company_name,
            country_region=owner.country_region,
            token_hash=self._key_ring.keyed_hash(secret.encode(), invitation_id.encode()),
            created_at=now,
            expires_at=expires_at,
            mail=mail,
        )


def _view(invitation: Invitation, now: int) -> dict[str, Any]:
    return {
        "invitation_id": invitation.invitation_id,
        "email": invitation.email,
        "status": status_of(invitation, now),
        "created_at": format_timestamp(invitation.created_at),
        "expires_at": format_timestamp(invitation.expires_at),
    }


def _place(invitation: Invitation) -> str:
    """Ascending where the list is newest first."""
    return f"{_LATEST - invitation.created_at:020d}.{invitation.invitation_id}"
