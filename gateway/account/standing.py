"""Which state of an account a read shows: its `as_of_seq`, read before any row, so that the rows are at or past it."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec

from gateway.http.answer import Field
from gateway.http.calls import Refusal, Reply, SignedCall, SignedHandler
from gateway.http.query import invalid
from ops.runtime.errors import HubError
from storage.models.read_models import OpenedAccount

STORE_SECONDS: Final = 10.0
PATIENCE_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.025
_MINIMUM: Final = b"x-min-account-seq"
_WHOLE: Final = re.compile(r"[0-9]{1,18}")
_encode: Final = msgspec.json.Encoder().encode


class AccountSource(Protocol):
    """The account documents (storage/mongo/accounts.py)."""

    async def get(self, account_id: str) -> OpenedAccount | None: ...


class Standing:
    """Reads an account as its caller wants it: at or past the seq of `X-Min-Account-Seq`, for which it waits up to
    `patience` seconds.
    """

    def __init__(self, accounts: AccountSource, patience: float = PATIENCE_SECONDS) -> None:
        self._accounts = accounts
        self._tries = max(1, round(patience / _PAUSE_SECONDS))

    async def of(self, call: SignedCall) -> OpenedAccount:
        """The caller's account. Raises `account.not_open`, `read.behind`, or `request.invalid` for a bad header."""
        least = _least(call)
        account_id = call.caller.account_id
        if account_id is None:
            raise HubError("account.not_open", {"account_id": None})
        account = await self.reaching(account_id, least)
        if account is None:
            raise HubError("account.not_open", {"account_id": account_id})
        if account.as_of_seq < least:
            told = {"as_of_seq": account.as_of_seq, "min_seq": least}
            raise Refusal("read.behind", told, fields=(seq_field(account.as_of_seq),))
        return account

    async def reaching(self, account_id: str, least: int) -> OpenedAccount | None:
        """The account once it is at or past `least`, else as it is when patience ends; None when it is not open."""
        for _ in range(self._tries):
            account = await self._accounts.get(account_id)
            if least <= (account.as_of_seq if account else 0):
                return account
            await asyncio.sleep(_PAUSE_SECONDS)
        return await self._accounts.get(account_id)


def seq_field(as_of_seq: int) -> Field:
    """The header `X-Account-Seq`."""
    return b"x-account-seq", b"%d" % as_of_seq


def shown(data: dict[str, Any] | msgspec.Struct, as_of_seq: int) -> Reply:
    """The answer with `as_of_seq` as the last field of `data` and in the header; `data` has fields of its own."""
    return Reply(b'%b,"as_of_seq":%d}' % (_encode(data)[:-1], as_of_seq), (seq_field(as_of_seq),))


def not_found(code: str, details: dict[str, Any], as_of_seq: int) -> Refusal:
    """The refusal of what the account did not have at `as_of_seq`."""
    return Refusal(code, details, fields=(seq_field(as_of_seq),))


def bounded(handler: Callable[[SignedCall], Awaitable[Reply]]) -> SignedHandler:
    """The handler with 10 s for the store: a read is not cancelled when its client leaves."""

    async def handle(call: SignedCall) -> Reply:
        async with asyncio.timeout(STORE_SECONDS):
            return await handler(call)

    return handle


def _least(call: SignedCall) -> int:
    text = call.header(_MINIMUM)
    if text is None:
        return 0
    if _WHOLE.fullmatch(text) is None:
        raise invalid("X-Min-Account-Seq", "not a whole number", "the seq of a record, 0 to 999999999999999999")
    return int(text)
