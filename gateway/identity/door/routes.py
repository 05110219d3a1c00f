"""The routes of registration, login and sessions, for users and for admins. Those of a person's own account: ../own/routes.py."""

from typing import Final

from gateway.http.calls import OpenHandler
from gateway.http.edge import Edge
from gateway.http.routes import Routes
from gateway.identity.door.flows import flows_of
from gateway.identity.door.handlers import AdminRegistrations, DoorHandlers, UserRegistrations
from gateway.identity.parts import IdentityParts
from gateway.identity.people.doors import admin_door, user_door
from gateway.identity.ports import Someone
from gateway.identity.sessions.handlers import OwnSessions
from storage.models.people import ADMIN_ROLES

USER_DOOR: Final = "/public/v1/auth"
ADMIN_DOOR: Final = "/public/v1/admin/auth"
_SESSION: Final = "/v1/user/sessions/<session_id>"
_USER_OPERATIONS: Final = {
    "register": "registerUser",
    "resend-verification": "resendUserVerificationCode",
    "verify-email": "verifyUserEmail",
    "login": "loginUser",
    "login/resend-otp": "resendUserLoginOtp",
    "login/verify-otp": "verifyUserLoginOtp",
    "refresh": "refreshUserToken",
}
_ADMIN_OPERATIONS: Final = {
    "register": "registerAdmin",
    "resend-verification": "resendAdminVerificationCode",
    "verify-email": "verifyAdminEmail",
    "login": "loginAdmin",
    "login/resend-otp": "resendAdminLoginOtp",
    "login/verify-otp": "verifyAdminLoginOtp",
    "refresh": "refreshAdminToken",
}
_WITH_TOKEN: Final = ("logoutUser", "logoutAllUser", "listUserSessions", "endUserSession", "logoutAdmin")
BUILT: Final = frozenset({*_USER_OPERATIONS.values(), *_ADMIN_OPERATIONS.values(), *_WITH_TOKEN})


def register_identity(routes: Routes, edge: Edge, parts: IdentityParts) -> None:
    """Add the routes of both doors, and those of sessions."""
    flows = flows_of(parts)
    users = user_door(parts.users, parts.tenants)
    admins = admin_door(parts.admins, parts.admin_registration)
    user_registrations = UserRegistrations(users, flows)
    admin_registrations = AdminRegistrations(admins, flows, closed=parts.admin_registration == "closed")
    _add_door(routes, edge, USER_DOOR, {"register": user_registrations.handle, **_steps(DoorHandlers(users, flows))})
    _add_door(routes, edge, ADMIN_DOOR, {"register": admin_registrations.handle, **_steps(DoorHandlers(admins, flows))})
    _add_sessions(routes, edge, parts)


def _steps(door: DoorHandlers[Someone]) -> dict[str, OpenHandler]:
    return {
        "resend-verification": door.resend_verification,
        "verify-email": door.verify_email,
        "login": door.login,
        "login/resend-otp": door.resend_otp,
        "login/verify-otp": door.verify_otp,
        "refresh": door.refresh,
    }


def _add_door(routes: Routes, edge: Edge, path: str, handlers: dict[str, OpenHandler]) -> None:
    operations = _USER_OPERATIONS if path == USER_DOOR else _ADMIN_OPERATIONS
    for step, handler in handlers.items():
        operation = operations[step]
        routes.write("POST", f"{path}/{step}", operation, edge.open_write(operation, handler))


def _add_sessions(routes: Routes, edge: Edge, parts: IdentityParts) -> None:
    own = OwnSessions(parts.sessions, parts.audit, parts.announcer, parts.tokens, parts.clock)
    routes.write("POST", "/v1/user/logout", "logoutUser", edge.user_write("logoutUser", own.logout))
    routes.write("POST", "/v1/user/logout-all", "logoutAllUser", edge.user_write("logoutAllUser", own.logout_all))
    routes.read("/v1/user/sessions", "listUserSessions", edge.user_read("listUserSessions", own.list))
    routes.add("DELETE", _SESSION, "endUserSession", edge.user_write("endUserSession", own.end))
    logout = edge.admin_write("logoutAdmin", ADMIN_ROLES, own.logout, key_required=False)
    routes.write("POST", "/internal/v1/admin/auth/logout", "logoutAdmin", logout)
