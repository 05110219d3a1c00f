"""An admin's command to the order core, and what the core has said of it, now or before."""

import asyncio
import logging
from typing import Final, NamedTuple

from gateway.admin.parts import AdminParts
from ops.runtime.errors import CATALOGUE, HubError
from storage.decisions.decisions import DecisionUnknown
from storage.models.order_answers import first_answer
from storage.models.order_commands import Command
from storage.models.order_events import FirstAnswer
from storage.models.order_records import OrderRecord
from storage.models.read_models import OpenedAccount
from storage.mongo.failures import StoreUnavailable

_PATIENCE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.025
_log = logging.getLogger(__name__)


class Done(NamedTuple):
    """The record that did it, and the account at or past it, as the read model has it by now."""

    seq: int
    account: OpenedAccount


class CoreDesk:
    """Commands by admins. A command that is asked again under its id, and with its `issued_at`, is done once."""

    def __init__(self, parts: AdminParts) -> None:
        self._decisions, self._answers, self._accounts = parts.decisions, parts.answers, parts.accounts

    async def account(self, account_id: str) -> OpenedAccount:
        """The account. Raises `account.not_found`."""
        account = await self._accounts.get(account_id)
        if account is None:
            raise HubError("account.not_found", {"account_id": account_id})
        return account

    async def done(self, command: Command) -> Done:
        """Have it done; waits until reads show it, for what is read next builds upon it.

        Raises what the core refuses it with, and `order.outcome_unknown` when nobody says, or nobody can read, in time.
        """
        try:
            record = await self._decisions.decide(command)
            async with asyncio.timeout(_PATIENCE_SECONDS):
                answer = await self._answer(command, record)
                if answer.code is not None:
                    _refuse(answer.code, answer)
                return Done(answer.seq, await self._reached(command.account_id, answer.seq))
        except (DecisionUnknown, StoreUnavailable, TimeoutError) as error:
            _log.warning("what came of an admin's command is unknown: %s", error or "it cannot be read in time")
            raise HubError("order.outcome_unknown", {"account_id": command.account_id}) from error

    async def _answer(self, command: Command, record: OrderRecord) -> FirstAnswer:
        if (answer := first_answer(record)) is not None:
            return answer
        await self._reached(command.account_id, record.seq)
        kept = (await self._answers.get([command.command_id])).get(command.command_id)
        if kept is None:  # the read model is past it: it was never done, and is too old to be
            raise HubError("order.expired_in_transit")
        return kept.answer

    async def _reached(self, account_id: str, seq: int) -> OpenedAccount:
        while True:
            account = await self._accounts.get(account_id)
            if account is not None and account.as_of_seq >= seq:
                return account
            await asyncio.sleep(_LOOK_SECONDS)  # another process writes it


def _refuse(code: str, answer: FirstAnswer) -> None:
    details = dict(answer.details or {})
    if code not in CATALOGUE:
        raise HubError("system.internal")
    raise HubError(code, details)
