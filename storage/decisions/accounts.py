"""Opens an account for the demonstration and the command line. A provisioning job, which may have to take it back, has its own way
(workers/provisioning/core.py).
"""

from dataclasses import dataclass
from typing import Final

from storage.decisions.decisions import Decisions
from storage.models.order_commands import Command, Deposit, OpenAccount
from storage.models.order_events import CommandDenied, CommandRepeated, CommandTooOld, Event
from storage.models.order_records import OrderRecord

OPENING_SECONDS: Final = 10.0


class CommandRefused(Exception):
    """The core said no; `code` and `details` are the catalogue's."""

    def __init__(self, denied: CommandDenied) -> None:
        super().__init__(f"{denied.code} {denied.details or ''}".strip())
        self.code, self.details = denied.code, denied.details


@dataclass(frozen=True, slots=True)
class Opening:
    """An account that is to be opened, and what is put in, if anything. `asked_at` (ns) is fixed by whoever asks: asked again
    under the same one it opens and deposits once. Asked again with another currency or deposit it is another opening, which the
    core refuses: the account is open already.
    """

    tenant_id: str
    account_id: str
    mode: str
    asked_at: int
    currency: str = "USD"
    deposit: str | None = None


async def open_account(decisions: Decisions, opening: Opening) -> OrderRecord:
    """The record of the last step. Raises `CommandRefused`, `DecisionUnknown` (then ask again)."""
    record = await decide(
        decisions,
        OpenAccount(
            command_id=f"open:{opening.account_id}:{opening.mode}:{opening.currency}:{opening.deposit or 0}",
            account_id=opening.account_id,
            issued_at=opening.asked_at,
            tenant_id=opening.tenant_id,
            mode=opening.mode,
            currency=opening.currency,
        ),
    )
    if opening.deposit is None:
        return record
    return await decide(
        decisions,
        Deposit(
            command_id=f"open:{opening.account_id}:deposit",
            account_id=opening.account_id,
            issued_at=opening.asked_at,
            currency=opening.currency,
            amount=opening.deposit,
            reference="opening",
        ),
    )


async def decide(decisions: Decisions, command: Command) -> OrderRecord:
    """The record of a command that is not about an order, which was done, now or before.

    Raises `CommandRefused`, also for a command that was too old to be done (this host's clock is minutes behind that of the
    core's), and `DecisionUnknown`.
    """
    record = await decisions.decide(command, OPENING_SECONDS)
    for event in record.events:
        if (denied := _denied(event, command)) is not None:
            raise CommandRefused(denied)
    return record


def _denied(event: Event, command: Command) -> CommandDenied | None:
    match event:
        case CommandDenied():
            return event
        case CommandTooOld():
            return CommandDenied(event.command_id, "order.expired_in_transit", {"issued_at_ns": command.issued_at})
        case CommandRepeated() if event.answer.code is not None:
            return CommandDenied(event.command_id, event.answer.code, event.answer.details or {})
        case _:
            return None
