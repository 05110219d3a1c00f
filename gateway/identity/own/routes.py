"""What people do with their own account: profile, API keys, password, second factor, invitations; and the routes of that."""

from dataclasses import dataclass
from typing import Final

from gateway.http.calls import OpenHandler
from gateway.http.edge import Edge
from gateway.http.page_tokens import PageTokens
from gateway.http.routes import Routes
from gateway.identity.own.accept_invitation import AcceptInvitation
from gateway.identity.own.account import OwnAccount
from gateway.identity.own.api_keys import ApiKeyStore, OwnApiKeys
from gateway.identity.own.invitations import InvitationStore, OwnInvitations
from gateway.identity.own.password import ChangePassword
from gateway.identity.own.password_changed import PasswordChanged
from gateway.identity.own.password_reset import Forgotten, Reset
from gateway.identity.own.profile import Profile
from gateway.identity.own.totp import OwnTotp
from gateway.identity.people.letters import Notices
from gateway.identity.people.wrong_attempts import WrongAttempts
from gateway.identity.ports import Announcer, AuditLog, ChallengeStore, People, RateLimits, SessionStore, TenantStore
from gateway.identity.proofs.codes import Codes
from gateway.identity.proofs.totp_codes import TotpCodes
from storage.jobs import Jobs
from storage.models.people import User
from storage.passwords import Passwords
from storage.sealing import KeyRing

BUILT: Final = frozenset(
    {
        "getUserProfile", "listUserApiKeys", "createUserApiKey", "revokeUserApiKey", "changeUserPassword", "forgotPassword",
        "resetPassword", "beginTotp", "confirmTotp", "disableTotp", "listInvitations", "createInvitation", "acceptInvitation",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SelfParts:
    """What self-service is made of."""

    users: People[User]
    tenants: TenantStore
    sessions: SessionStore
    challenges: ChallengeStore
    invitations: InvitationStore
    api_keys: ApiKeyStore
    codes: Codes
    passwords: Passwords
    notices: Notices
    limits: RateLimits
    audit: AuditLog
    announcer: Announcer
    jobs: Jobs
    key_ring: KeyRing


def register_self(routes: Routes, edge: Edge, parts: SelfParts, tokens: PageTokens) -> None:
    """Add the routes of users with a session, and those two that need none (a forgotten password, an invitation)."""
    attempts = WrongAttempts(parts.limits)
    account = OwnAccount(parts.users, parts.passwords, attempts, parts.notices)
    after = PasswordChanged(
        parts.sessions, parts.challenges, announcer=parts.announcer, notices=parts.notices, audit=parts.audit
    )
    routes.read("/v1/user/me", "getUserProfile", edge.user_read("getUserProfile", Profile(account).handle))
    _register_keys(routes, edge, parts, tokens)
    change = ChangePassword(account, parts.passwords, after)
    routes.write(
        "POST", "/v1/user/password", "changeUserPassword", edge.user_write("changeUserPassword", change.handle)
    )
    _register_totp(routes, edge, OwnTotp(account, TotpCodes(parts.key_ring), attempts, parts.audit))
    _register_invitations(routes, edge, parts, account, tokens)
    _register_open(routes, edge, parts, attempts, after)


def _register_keys(routes: Routes, edge: Edge, parts: SelfParts, tokens: PageTokens) -> None:
    keys = OwnApiKeys(parts.api_keys, parts.key_ring, parts.audit, parts.announcer, tokens)
    path = "/v1/user/api-keys"
    routes.read(path, "listUserApiKeys", edge.user_read("listUserApiKeys", keys.list))
    create = edge.user_write("createUserApiKey", keys.create, key_required=True, body_required=True)
    routes.write("POST", path, "createUserApiKey", create)
    revoke = edge.user_write("revokeUserApiKey", keys.revoke, key_required=True)
    routes.add("DELETE", f"{path}/<key_id>", "revokeUserApiKey", revoke)


def _register_totp(routes: Routes, edge: Edge, totp: OwnTotp) -> None:
    path = "/v1/user/totp"
    routes.write("POST", path, "beginTotp", edge.user_write("beginTotp", totp.begin))
    routes.write("POST", f"{path}/confirm", "confirmTotp", edge.user_write("confirmTotp", totp.confirm))
    routes.write("DELETE", path, "disableTotp", edge.user_write("disableTotp", totp.disable))


def _register_invitations(
    routes: Routes, edge: Edge, parts: SelfParts, account: OwnAccount, tokens: PageTokens
) -> None:
    own = OwnInvitations(
        account,
        parts.users,
        parts.invitations,
        key_ring=parts.key_ring,
        jobs=parts.jobs,
        audit=parts.audit,
        limits=parts.limits,
        tokens=tokens,
    )
    path = "/v1/user/invitations"
    routes.read(path, "listInvitations", edge.user_read("listInvitations", own.list))
    routes.write("POST", path, "createInvitation", edge.user_write("createInvitation", own.create))


def _register_open(
    routes: Routes, edge: Edge, parts: SelfParts, attempts: WrongAttempts, after: PasswordChanged
) -> None:
    accept = AcceptInvitation(
        parts.users,
        parts.tenants,
        parts.invitations,
        passwords=parts.passwords,
        key_ring=parts.key_ring,
        audit=parts.audit,
    )
    reset = Reset(parts.users, parts.challenges, parts.codes, passwords=parts.passwords, attempts=attempts, after=after)
    handlers: dict[str, tuple[str, OpenHandler]] = {
        "password/forgot": ("forgotPassword", Forgotten(parts.users, parts.challenges, parts.codes).handle),
        "password/reset": ("resetPassword", reset.handle),
        "invitations/accept": ("acceptInvitation", accept.handle),
    }
    for path, (operation, handler) in handlers.items():
        routes.write("POST", f"/public/v1/auth/{path}", operation, edge.open_write(operation, handler))
