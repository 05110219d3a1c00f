"""Time-based codes in place of mailed ones: set up, confirmed by the first code, given up with password and code."""

from typing import Any, Final

import msgspec

from gateway.http.calls import BearerCall, Reply
from gateway.http.fields import BodyReader
from gateway.identity.own.account import OwnAccount
from gateway.identity.own.acts import own_act
from gateway.identity.people.wrong_attempts import Counted, WrongAttempts
from gateway.identity.ports import AuditLog
from gateway.identity.proofs.totp_codes import TotpCodes, otpauth_uri
from ops.runtime.errors import HubError
from storage.models.people import Totp, User

_ENABLED: Final = msgspec.json.encode({"totp_enabled": True})
_DISABLED: Final = msgspec.json.encode({"totp_enabled": False})


class OwnTotp:
    """The three operations."""

    def __init__(self, account: OwnAccount, codes: TotpCodes, attempts: WrongAttempts, audit: AuditLog) -> None:
        self._account, self._codes, self._attempts, self._audit = account, codes, attempts, audit

    async def begin(self, call: BearerCall, body: dict[str, Any]) -> Reply:
        """A new secret, shown this once; one that was not confirmed is forgotten. Raises `totp.already_enabled`."""
        reader = BodyReader(body)
        password = reader.password("current_password")
        reader.finish()
        user = await self._account.user(call)
        await self._account.confirm(call, user, password or "")
        totp, secret = self._codes.make(user.user_id, call.now)
        await self._account.change(user, lambda current: _with_new(current, totp))
        shown = {"secret": secret, "otpauth_uri": otpauth_uri(secret, user.email)}
        return Reply(msgspec.json.encode(shown), secret=True)

    async def confirm(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """From now on a login asks for such codes. The code that has confirmed may come again.

        Raises `auth.code_invalid`, `totp.not_enabled` where nothing was begun, `totp.already_enabled`.
        """
        code = _code(body)
        user = await self._account.user(call)

        def confirmed(current: User) -> User | None:
            totp = _begun(current)
            if totp.confirmed_at is not None:
                self._check_confirmed_by(current, totp, code, call.now)
                return None
            return _with(current, self._taken(call, current, totp, code).model_copy(update={"confirmed_at": call.now}))

        self._attempts.check(_codes_of(user), call.client_ip)
        await self._account.change(user, confirmed)
        await self._record(call, enabled=True)
        return _ENABLED

    async def disable(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """Codes are mailed again. Where there is no second factor, it is so already. Raises `auth.code_invalid`."""
        reader = BodyReader(body)
        password, code = reader.password("current_password"), reader.code("otp_code")
        reader.finish()
        user = await self._account.user(call)
        await self._account.confirm(call, user, password or "")

        def disabled(current: User) -> User | None:
            if current.totp is None:
                return None
            if current.totp.confirmed_at is not None:
                self._taken(call, current, current.totp, code or "")
            return _with(current, None)

        self._attempts.check(_codes_of(user), call.client_ip)
        await self._account.change(user, disabled)
        await self._record(call, enabled=False)
        return _DISABLED

    def _taken(self, call: BearerCall, user: User, totp: Totp, code: str) -> Totp:
        taken = self._codes.accept(user.user_id, totp, code, call.now)
        if taken is None:
            self._attempts.count(_codes_of(user), call.client_ip)
            raise HubError("auth.code_invalid")
        return taken

    def _check_confirmed_by(self, user: User, totp: Totp, code: str, now: int) -> None:
        """A second try of the write that has confirmed: its code is the last one that was taken."""
        before = totp.model_copy(update={"last_step": totp.last_step - 1})
        if self._codes.accept(user.user_id, before, code, now) != totp:
            raise HubError("totp.already_enabled")

    async def _record(self, call: BearerCall, *, enabled: bool) -> None:
        target = ("user", call.principal.subject_id)
        await self._audit.record(own_act(call, "user.totp", target, {"totp_enabled": enabled}))


def _code(body: dict[str, Any]) -> str:
    reader = BodyReader(body)
    code = reader.code("otp_code")
    reader.finish()
    return code or ""


def _codes_of(user: User) -> Counted:
    """Wrong ones are counted with those of logins."""
    return Counted("codes", "user", user.email)


def _begun(user: User) -> Totp:
    if user.totp is None:
        raise HubError("totp.not_enabled")
    return user.totp


def _with_new(user: User, totp: Totp) -> User:
    if user.totp is not None and user.totp.confirmed_at is not None:
        raise HubError("totp.already_enabled")
    return _with(user, totp)


def _with(user: User, totp: Totp | None) -> User:
    return user.model_copy(update={"totp": totp})
