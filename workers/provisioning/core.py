"""Asks the order core for what a job needs of an account, so that each thing has its effect once, whoever asks again.

A command that was asked under one id and time is done, or it never will be: the core remembers ids for ten minutes and does
nothing that was asked before, and then the read model knows its answer.
"""

import asyncio
from typing import Final, NamedTuple, Protocol

from ops.runtime.errors import HubError
from storage.decisions.decisions import DecisionUnknown
from storage.models.order_answers import first_answer
from storage.models.order_commands import Command, Deposit, OpenAccount, SetTradingState
from storage.models.order_records import OrderRecord
from storage.models.provisioning import Asked
from storage.models.read_models import CommandAnswer, OpenedAccount
from workers.provisioning.troubles import Away

DECISION_SECONDS: Final = 5.0
READ_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.05
CURRENCY: Final = "USD"


class NeverDone(Exception):
    """The command was not done in its time and never will be: ask anew."""


class CoreAnswer(NamedTuple):
    """What the core has answered to a command: the seq of its record, and the code of the refusal, if it was one."""

    seq: int
    code: str | None


class Deciding(Protocol):
    """`storage.decisions.decisions.Decisions`."""

    async def decide(self, command: Command, seconds: float) -> OrderRecord: ...


class AccountReads(Protocol):
    """`storage.mongo.accounts.Accounts`."""

    async def get(self, account_id: str) -> OpenedAccount | None: ...
    async def as_of(self, account_id: str) -> int: ...


class AnswerReads(Protocol):
    """`storage.mongo.command_answers.CommandAnswers`."""

    async def get(self, command_ids: list[str]) -> dict[str, CommandAnswer]: ...


class AccountTerms(NamedTuple):
    """How this platform opens accounts: their mode, and what is put into a new one, if anything."""

    mode: str
    deposit: str | None


class Core:
    """Opens and closes accounts. Its methods raise `NeverDone`, `Away`, `StoreUnavailable`, and `HubError` for a refusal."""

    def __init__(self, decisions: Deciding, accounts: AccountReads, answers: AnswerReads, terms: AccountTerms) -> None:
        self._decisions, self._accounts, self._answers, self._terms = decisions, accounts, answers, terms

    async def open(self, tenant_id: str, account_id: str, asked: Asked) -> None:
        """Open the account, or take up again one that was closed, with the deposit in it; returns when reads show it.

        Raises `provisioning.account_differs`.
        """
        answer = await self._answered(self._opening(tenant_id, account_id, asked))
        if answer.code == "account.already_open":
            await self._take_up(tenant_id, account_id, asked, answer.seq)
        elif answer.code is not None:
            raise HubError(answer.code, {"account_id": account_id})
        if self._terms.deposit is not None:
            answer = await self._done(_deposit(account_id, asked, "deposit", self._terms.deposit))
        await self._reached(account_id, answer.seq)

    async def close(self, tenant_id: str, account_id: str, opening: Asked, closing: Asked) -> None:
        """Take back what `open` did: no order is taken any more, and the deposit is out again, unless somebody has taken it.

        What was asked at the opening is asked again first: from then on it is known to be done, or never to be.
        """
        await self._was_done(self._opening(tenant_id, account_id, opening))
        await self._done(
            SetTradingState(
                command_id=f"{closing.occasion}:halt",
                account_id=account_id,
                issued_at=closing.at,
                state="halted",
                set_by="admin",
            ),
            unless="account.not_open",
        )
        if self._terms.deposit is None or not await self._was_done(
            _deposit(account_id, opening, "deposit", self._terms.deposit)
        ):
            return
        withdrawal = _deposit(account_id, closing, "withdraw", f"-{self._terms.deposit}")
        await self._done(withdrawal, unless="account.insufficient_funds")

    def _opening(self, tenant_id: str, account_id: str, asked: Asked) -> OpenAccount:
        return OpenAccount(
            command_id=f"{asked.occasion}:open",
            account_id=account_id,
            issued_at=asked.at,
            tenant_id=tenant_id,
            mode=self._terms.mode,
            currency=CURRENCY,
        )

    async def _take_up(self, tenant_id: str, account_id: str, asked: Asked, seq: int) -> None:
        account = await self._reached(account_id, seq)
        if account is None or (account.account.tenant_id, account.account.mode) != (tenant_id, self._terms.mode):
            raise HubError("provisioning.account_differs", {"account_id": account_id})
        await self._done(
            SetTradingState(
                command_id=f"{asked.occasion}:resume",
                account_id=account_id,
                issued_at=asked.at,
                state="active",
                set_by="admin",
            )
        )

    async def _was_done(self, command: Command) -> bool:
        try:
            return (await self._answered(command)).code is None
        except NeverDone:
            return False

    async def _done(self, command: Command, unless: str | None = None) -> CoreAnswer:
        """See to it that it is done; a refusal with the code `unless` will do as well."""
        answer = await self._answered(command)
        if answer.code is not None and answer.code != unless:
            raise HubError(answer.code, {"account_id": command.account_id})
        return answer

    async def _answered(self, command: Command) -> CoreAnswer:
        try:
            record = await self._decisions.decide(command, DECISION_SECONDS)
        except DecisionUnknown as error:
            raise Away("orders", str(error)) from error
        if (answer := first_answer(record)) is not None:
            return CoreAnswer(record.seq, answer.code)
        await self._reached(command.account_id, record.seq)
        kept = (await self._answers.get([command.command_id])).get(command.command_id)
        if kept is None:
            raise NeverDone(command.command_id)
        return CoreAnswer(record.seq, kept.answer.code)

    async def _reached(self, account_id: str, seq: int) -> OpenedAccount | None:
        """The account as reads show it at or past `seq`."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                while await self._accounts.as_of(account_id) < seq:  # noqa: ASYNC110  (another process writes it)
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError as error:
            raise Away("projection", f"reads of {account_id} do not reach seq {seq}") from error
        return await self._accounts.get(account_id)


def _deposit(account_id: str, asked: Asked, what: str, amount: str) -> Deposit:
    return Deposit(
        command_id=f"{asked.occasion}:{what}",
        account_id=account_id,
        issued_at=asked.at,
        currency=CURRENCY,
        amount=amount,
        reference="opening",
    )
