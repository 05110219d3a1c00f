"""GET /v1/user/me."""

import msgspec

from gateway.http.calls import BearerCall
from gateway.identity.own.account import OwnAccount
from gateway.identity.people.person_view import user_view


class Profile:
    """Shows the caller."""

    def __init__(self, account: OwnAccount) -> None:
        self._account = account

    async def handle(self, call: BearerCall) -> bytes:
        """The user and the ids of the tenant's accounts."""
        user = await self._account.user(call)
        return msgspec.json.encode(user_view(user, call.principal.account_ids))
