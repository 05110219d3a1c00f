"""What a job asks of the order core is done once, whatever was done before and however late it asks again."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from ops.runtime.errors import HubError
from ops.runtime.timestamps import format_timestamp
from storage.decisions.decisions import DecisionUnknown
from storage.models.controls import Controls
from storage.models.order_answers import answer_of
from storage.models.order_commands import Command, Deposit
from storage.models.order_events import CommandRepeated, CommandTooOld
from storage.models.order_records import OrderRecord
from storage.models.provisioning import Asked
from storage.models.read_models import CommandAnswer, OpenedAccount
from streams.orders.decide import decide
from streams.orders.evolve import evolve
from streams.orders.market import Market, Origin
from streams.orders.state import REMEMBERED_NS, AccountState
from workers.provisioning.core import AccountTerms, Core, NeverDone
from workers.provisioning.troubles import Away

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
FIRST, AGAIN, CLOSING = (
    Asked(at=NOW, occasion="job_1:1"),
    Asked(at=NOW, occasion="job_1:2"),
    Asked(at=NOW, occasion="u"),
)
TERMS = AccountTerms("sandbox", "1000")


@dataclass
class CoreOfOne:
    """The real decisions about one account; its read model follows at once, and answers are kept."""

    state: AccountState = field(default_factory=lambda: AccountState("acc_1"))
    now: int = NOW
    offset: int = 0
    lost: set[str] = field(default_factory=set)
    records: list[OrderRecord] = field(default_factory=list)
    kept: dict[str, CommandAnswer] = field(default_factory=dict)

    async def decide(self, command: Command, seconds: float) -> OrderRecord:
        assert seconds > 0
        if command.command_id in self.lost:
            raise DecisionUnknown(command.command_id)
        self.offset += 1
        market = Market(self.now, Controls())
        record = decide(self.state, command, market, Origin(1, "order-commands", self.offset))
        evolve(self.state, record)
        self.records.append(record)
        if not isinstance(record.events[0], CommandRepeated | CommandTooOld):
            kept = CommandAnswer(command.command_id, "acc_1", record.seq, answer_of(record), self.now)
            self.kept.setdefault(command.command_id, kept)
        return record

    async def as_of(self, account_id: str) -> int:
        assert account_id == "acc_1"
        return self.state.seq

    async def get(self, account_id: str) -> OpenedAccount | None:
        if not self.state.opened:
            return None
        account = self.state.account
        assert account is not None
        assert self.state.limits is not None
        return OpenedAccount(account_id, self.state.seq, format_timestamp(self.now), account, self.state.limits, ())

    @property
    def cash(self) -> str:
        assert self.state.account is not None
        return self.state.account.cash


@dataclass
class Answers:
    core: CoreOfOne

    async def get(self, command_ids: Iterable[str]) -> dict[str, CommandAnswer]:
        return {one: self.core.kept[one] for one in command_ids if one in self.core.kept}


@pytest.fixture
def inner() -> CoreOfOne:
    return CoreOfOne()


@pytest.fixture
def core(inner: CoreOfOne) -> Core:
    return Core(inner, inner, Answers(inner), TERMS)


async def test_an_account_is_opened_with_its_deposit_once(inner: CoreOfOne, core: Core) -> None:
    for _ in range(3):
        await core.open("ten_1", "acc_1", FIRST)
    assert (inner.cash, inner.state.mode, inner.state.tenant_id) == ("1000", "sandbox", "ten_1")


async def test_without_a_deposit_nothing_is_put_in(inner: CoreOfOne) -> None:
    core = Core(inner, inner, Answers(inner), AccountTerms("live", None))
    await core.open("ten_1", "acc_1", FIRST)
    await core.close("ten_1", "acc_1", FIRST, CLOSING)
    assert (inner.cash, inner.state.mode, inner.state.trading_state) == ("0", "live", "halted")


async def test_what_was_asked_long_ago_is_known_by_what_was_told(inner: CoreOfOne, core: Core) -> None:
    await core.open("ten_1", "acc_1", FIRST)
    inner.now += REMEMBERED_NS + SECOND
    await core.open("ten_1", "acc_1", FIRST)
    assert inner.cash == "1000"


async def test_what_was_asked_too_late_is_asked_anew_and_done_once(inner: CoreOfOne, core: Core) -> None:
    inner.now += REMEMBERED_NS + SECOND
    with pytest.raises(NeverDone):
        await core.open("ten_1", "acc_1", FIRST)
    await core.open("ten_1", "acc_1", Asked(at=inner.now, occasion="job_1:1+"))
    assert inner.cash == "1000"


async def test_a_half_opened_account_is_opened_anew(inner: CoreOfOne, core: Core) -> None:
    inner.lost = {"job_1:1:deposit"}
    with pytest.raises(Away):
        await core.open("ten_1", "acc_1", FIRST)
    inner.lost.clear()
    inner.now += REMEMBERED_NS + SECOND
    with pytest.raises(NeverDone):
        await core.open("ten_1", "acc_1", FIRST)
    await core.open("ten_1", "acc_1", Asked(at=inner.now, occasion="job_1:1+"))
    assert (inner.cash, inner.state.trading_state) == ("1000", "active")


@pytest.mark.parametrize("lost", [set(), {"job_1:1:deposit"}, {"job_1:1:open"}])
async def test_closing_takes_back_whatever_was_done(inner: CoreOfOne, core: Core, lost: set[str]) -> None:
    inner.lost = lost
    for _ in range(2):
        try:
            await core.open("ten_1", "acc_1", FIRST)
        except Away:
            assert lost
    inner.lost = set()
    for _ in range(2):
        await core.close("ten_1", "acc_1", FIRST, CLOSING)
    assert (inner.cash, inner.state.trading_state) == ("0", "halted")
    await core.open("ten_1", "acc_1", FIRST)  # of one who was superseded long ago
    assert (inner.cash, inner.state.trading_state) == ("0", "halted")


async def test_a_closed_account_is_taken_up_again(inner: CoreOfOne, core: Core) -> None:
    await core.open("ten_1", "acc_1", FIRST)
    await core.close("ten_1", "acc_1", FIRST, CLOSING)
    for _ in range(2):
        await core.open("ten_1", "acc_1", AGAIN)
    assert (inner.cash, inner.state.trading_state) == ("1000", "active")


async def test_money_that_somebody_took_out_is_no_obstacle(inner: CoreOfOne, core: Core) -> None:
    await core.open("ten_1", "acc_1", FIRST)
    await inner.decide(Deposit(command_id="d", account_id="acc_1", issued_at=NOW, currency="USD", amount="-400"), 1)
    await core.close("ten_1", "acc_1", FIRST, CLOSING)
    assert (inner.cash, inner.state.trading_state) == ("600", "halted")


async def test_an_account_of_somebody_else_is_left_alone(inner: CoreOfOne, core: Core) -> None:
    await core.open("ten_1", "acc_1", FIRST)
    with pytest.raises(HubError) as refused:
        await core.open("ten_2", "acc_1", Asked(at=NOW, occasion="job_2:1"))
    assert refused.value.code == "provisioning.account_differs"
    assert inner.cash == "1000"
