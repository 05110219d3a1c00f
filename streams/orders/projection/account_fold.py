"""One account's document in the making: its records folded one after the other. Pure."""

from storage.models.accounts import Account, DeadMan, Limits
from storage.models.order_events import AccountOpened, CancelRequested, DeadManSet, Event, LimitsChanged
from storage.models.order_records import OrderRecord
from storage.models.read_models import AccountDocument


class SequenceBroken(Exception):
    """A record of an account is missing: the read models would be wrong from here on, so nothing more is written."""


class AccountFold:
    """An account as its document has it, and then as each further record leaves it."""

    __slots__ = ("account", "account_id", "as_of_seq", "dead_men", "limits", "ts")

    def __init__(self, document: AccountDocument) -> None:
        self.account_id = document.account_id
        self.as_of_seq = document.as_of_seq
        self.ts = document.ts
        self.account: Account | None = document.account
        self.limits: Limits | None = document.limits
        self.dead_men = {switch.name: switch for switch in document.dead_men}

    def take(self, record: OrderRecord) -> bool:
        """Take in the next record; whether it was new. Raises `SequenceBroken` when one is left out."""
        if record.seq <= self.as_of_seq:
            return False
        if record.seq != self.as_of_seq + 1:
            raise SequenceBroken(
                f"account {self.account_id}: the read models have its records up to {self.as_of_seq}, and the next is "
                f"{record.seq} (cause {record.cause.topic}@{record.cause.offset}); `omniaxs db rebuild orders` folds the "
                "log from its beginning"
            )
        self.as_of_seq, self.ts = record.seq, record.ts
        if record.account is not None:
            self.account = record.account
        for event in record.events:
            self._take_event(event)
        return True

    def document(self) -> AccountDocument:
        """The account as it stands."""
        switches = tuple(self.dead_men[name] for name in sorted(self.dead_men))
        return AccountDocument(self.account_id, self.as_of_seq, self.ts, self.account, self.limits, switches)

    def _take_event(self, event: Event) -> None:
        match event:
            case AccountOpened() | LimitsChanged():
                self.limits = event.limits
            case DeadManSet(due_at=None):
                self.dead_men.pop(event.name, None)
            case DeadManSet(due_at=int(due_at)):
                self.dead_men[event.name] = DeadMan(event.name, due_at, event.timeout_ms, event.spare_reduce_only)
            case CancelRequested(order_id=None, deadline=str(name)):
                self.dead_men.pop(name, None)
            case _:
                pass
