"""POST /v1/user/password: a new password for whoever knows the present one. All other sessions end."""

from collections.abc import Mapping
from typing import Any

from gateway.http.calls import BearerCall
from gateway.http.fields import BodyReader
from gateway.identity.own.account import OwnAccount
from gateway.identity.own.acts import own_act
from gateway.identity.own.password_changed import PasswordChanged, with_password
from gateway.identity.people.chosen_password import chosen_password
from storage.models.people import User
from storage.passwords import Passwords


class ChangePassword:
    """Changes the caller's password."""

    def __init__(self, account: OwnAccount, passwords: Passwords, after: PasswordChanged) -> None:
        self._account, self._passwords, self._after = account, passwords, after

    async def handle(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """The session of the call stays. Raises `auth.password_wrong`, and `rate.limited` after too many of those."""
        user = await self._account.user(call)
        present, chosen = _read(body, user)
        if await self._account.has_password(call, user, present):
            user = await self._change(call, user, chosen)
        elif not await self._was_changed_before(call, user, chosen):
            raise await self._account.wrong(call, user)
        act = own_act(call, "user.password", ("user", user.user_id), {"password": "changed"})
        return await self._after.finish(user, act, call.now, call.principal.session_id)

    async def _change(self, call: BearerCall, user: User, chosen: str) -> User:
        kept = await self._passwords.hash(chosen)
        changed = await self._account.change(user, with_password(kept, user.password_hash))
        if changed.password_hash != kept:
            raise await self._account.wrong(call, user)  # another request has changed it meanwhile
        return changed

    async def _was_changed_before(self, call: BearerCall, user: User, chosen: str) -> bool:
        """Whether a try of this write before this one came as far as the password."""
        return bool(call.idempotency_key) and await self._passwords.verify(user.password_hash, chosen)


def _read(body: Mapping[str, Any], user: User) -> tuple[str, str]:
    reader = BodyReader(body)
    present, chosen = reader.password("current_password"), chosen_password(reader, "new_password", user.email)
    reader.finish()
    return present or "", chosen
