"""The user behind a request with an access token: read, confirmed by the password, changed by a guarded write."""

from collections.abc import Callable

from gateway.http.calls import BearerCall
from gateway.identity.people.changing import changed
from gateway.identity.people.letters import Notices
from gateway.identity.people.wrong_attempts import Counted, WrongAttempts
from gateway.identity.ports import People
from ops.runtime.errors import HubError
from storage.models.people import User
from storage.passwords import Passwords


class OwnAccount:
    """What self-service does with the caller's own user."""

    def __init__(self, users: People[User], passwords: Passwords, attempts: WrongAttempts, notices: Notices) -> None:
        self._users, self._passwords, self._attempts, self._notices = users, passwords, attempts, notices

    async def user(self, call: BearerCall) -> User:
        """The caller. Raises `auth.session_ended` where there is no such user any more."""
        user = await self._users.get(call.principal.subject_id)
        if user is None:
            raise HubError("auth.session_ended")
        return user

    async def owner(self, call: BearerCall) -> User:
        """The caller, who owns the tenant. Raises `user.owner_required`."""
        user = await self.user(call)
        if user.tenant_role != "owner":
            raise HubError("user.owner_required")
        return user

    async def confirm(self, call: BearerCall, user: User, password: str) -> None:
        """Whoever has the token has the password too. Raises `auth.password_wrong`, and `rate.limited` after too many."""
        if not await self.has_password(call, user, password):
            raise await self.wrong(call, user)

    async def has_password(self, call: BearerCall, user: User, password: str) -> bool:
        """Whether `password` is the user's. Raises `rate.limited` while the user's address is locked."""
        self._attempts.check(_passwords_of(user), call.client_ip)
        return await self._passwords.verify(user.password_hash, password)

    async def wrong(self, call: BearerCall, user: User) -> HubError:
        """Counts a wrong password, and writes to the user when that locks the address; what to raise for it."""
        locked_until = self._attempts.count(_passwords_of(user), call.client_ip)
        if locked_until is not None:
            await self._notices.tell_locked(user, locked_until, call.client_ip, call.now)
        return HubError("auth.password_wrong")

    async def change(self, user: User, change: Callable[[User], User | None]) -> User:
        """The user as stored after `change`, which may raise, and answers None where nothing is to do (gateway/identity/people/changing.py)."""
        return await changed(self._users, user, change)


def _passwords_of(user: User) -> Counted:
    """Wrong ones are counted with those of logins."""
    return Counted("passwords", "user", user.email)
