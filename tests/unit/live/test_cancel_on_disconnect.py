"""Dead-man switches of connections against the real core, on several gateways, with a clock moved by hand."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from gateway.callers import Caller
from gateway.live.cancel_on_disconnect import MOST_NAMES, CancelOnDisconnect
from gateway.live.switches import LEAST_GRACE_MS, Terms
from ops.runtime.clock import ManualClock
from ops.runtime.errors import HubError
from ops.runtime.identifiers import SystemIdentifiers
from storage.decisions.decisions import DecisionUnknown
from storage.log.port import LogUnavailable
from storage.models.accounts import DeadMan
from storage.models.order_commands import ArmDeadMan, Command
from storage.models.order_records import OrderRecord
from storage.models.read_models import OpenedAccount
from storage.mongo.failures import StoreUnavailable
from streams.orders.follow_ups import deadline_command, deadlines_of
from tests.unit.orders.trading_floor import ACCOUNT, Desk, kinds

TICK = 0.25
CALLER = Caller("pmk_1", "ten_demo", ACCOUNT, frozenset({"trade:write"}), "en-US")
OTHER = Caller("pmk_2", "ten_demo", ACCOUNT, frozenset({"trade:write"}), "en-US")
GRACE = Terms(6_000)


class Account:
    """The account in the real core, its deadlines and its read model."""

    def __init__(self, clock: ManualClock, *, opened: bool = True) -> None:
        self.desk = Desk() if opened else Desk(deposit=None)
        self.clock = clock
        self.commands: list[Command] = []
        self.away = self.store_away = False
        self.canceled = 0

    async def decide(self, command: Command) -> OrderRecord:
        if self.away:
            raise DecisionUnknown("the log is away")
        self.desk.now = self.clock.now()
        self.commands.append(command)
        return self.desk.send(command)

    async def publish(self, commands: Sequence[Command]) -> None:
        if self.away:
            raise LogUnavailable("the log is away")
        for command in commands:
            await self.decide(command)

    async def get(self, _account_id: str) -> OpenedAccount | None:
        if self.store_away:
            raise StoreUnavailable("the store is away")
        if not self.desk.state.opened:
            return None
        state = self.desk.state
        return OpenedAccount(ACCOUNT, state.seq, "", self.desk.account, state.limits, tuple(state.dead_men.values()))

    def fall_due(self) -> None:
        """What the owner does: append what is due."""
        self.desk.now = self.clock.now()
        for name, due_at in deadlines_of(self.desk.state).items():
            if due_at <= self.clock.now():
                self.desk.send(deadline_command(ACCOUNT, name, due_at))
                self.canceled += 1

    @property
    def armed(self) -> dict[str, DeadMan]:
        return self.desk.state.dead_men

    @property
    def arms(self) -> list[ArmDeadMan]:
        return [command for command in self.commands if isinstance(command, ArmDeadMan)]


class SlowAccount(Account):
    """Takes a while to publish, once it is told to."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.publishing = asyncio.Event()
        self.may_publish = asyncio.Event()

    async def publish(self, commands: Sequence[Command]) -> None:
        self.publishing.set()
        await self.may_publish.wait()
        for command in commands:
            self.desk.now = self.clock.now()
            self.commands.append(command)
            self.desk.send(command)


class SlowStore(Account):
    """Its read model takes a while to answer the first question after `slow` was set."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.slow = False
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def get(self, account_id: str) -> OpenedAccount | None:
        if self.slow:
            self.slow = False
            self.asked.set()
            await self.may_answer.wait()
        return await super().get(account_id)


class Floor:
    """Gateways that share an account and a clock."""

    def __init__(self, gateways: int = 1, *, opened: bool = True) -> None:
        self.clock = ManualClock()
        self.account = Account(self.clock, opened=opened)
        self.gateways = [self.gateway() for _ in range(gateways)]
        self.running = list(self.gateways)

    def gateway(self) -> CancelOnDisconnect:
        return CancelOnDisconnect(self.account, self.account, clock=self.clock, identifiers=SystemIdentifiers())

    async def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            self.clock.advance(TICK)
            for gateway in self.running:
                await gateway.renew()
                await gateway.look()
            self.account.fall_due()


async def test_a_switch_is_armed_again_every_third_while_its_connection_is_there_and_falls_due_after():
    floor = Floor()
    (gateway,) = floor.gateways
    await gateway.enable("a", CALLER, ACCOUNT, Terms(6_000, spare_reduce_only=True))
    ((name, switch),) = floor.account.armed.items()
    assert name.startswith("ws:pmk_1:con_")
    assert (switch.timeout_ms, switch.spare_reduce_only) == (6_000, True)
    await floor.wait(60)
    assert floor.account.canceled == 0
    assert 28 <= len(floor.account.arms) <= 31
    assert {command.name for command in floor.account.arms} == {name}
    record = floor.account.desk.records[-1]
    assert (kinds(record), record.orders, record.positions) == (["DeadManSet"], (), ())
    gateway.gone("a")
    gateway.gone("a")
    await floor.wait(6)
    assert floor.account.canceled == 0, "the whole grace counts from the drop"
    await floor.wait(0.5)
    assert floor.account.canceled == 1
    assert not floor.account.armed
    assert len(gateway.switches) == 0, "nothing is kept of it"


async def test_it_also_falls_due_when_the_gateway_dies():
    floor = Floor()
    await floor.gateways[0].enable("a", CALLER, ACCOUNT, GRACE)
    floor.running.clear()
    await floor.wait(6.25)
    assert floor.account.canceled == 1


@pytest.mark.parametrize("held", [0.5, 1.75, 3.5, 5.25])
async def test_orders_stay_the_whole_grace_from_a_drop_that_was_noticed(held):
    floor = Floor()
    (gateway,) = floor.gateways
    await gateway.enable("a", CALLER, ACCOUNT, GRACE)
    await floor.wait(held)
    gateway.gone("a")
    await floor.wait(6)
    assert floor.account.canceled == 0
    await floor.wait(0.5)
    assert floor.account.canceled == 1


async def test_the_last_arming_gets_through_after_a_short_outage_of_the_log():
    floor = Floor()
    (gateway,) = floor.gateways
    await gateway.enable("a", CALLER, ACCOUNT, GRACE)
    await floor.wait(1.75)
    floor.account.away = True
    gateway.gone("a")
    await floor.wait(2)
    floor.account.away = False
    await floor.wait(4)
    assert floor.account.canceled == 0
    await floor.wait(2.5)
    assert floor.account.canceled == 1


async def test_what_is_switched_off_after_a_drop_is_not_armed_a_last_time():
    floor = Floor()
    (gateway,) = floor.gateways
    await gateway.enable("a", CALLER, ACCOUNT, GRACE)
    gateway.gone("a")
    await gateway.disable("b", CALLER, ACCOUNT)
    await floor.wait(20)
    assert floor.account.canceled == 0
    assert not floor.account.armed


@pytest.mark.parametrize("after", [0, 0.25, 1, 4])
async def test_a_drop_that_is_noticed_while_its_client_is_back_elsewhere_is_taken_over(after):
    """The last arming is not taken for a sign of life."""
    floor = Floor(gateways=2)
    one, two = floor.gateways
    await one.enable("a", CALLER, ACCOUNT, GRACE)
    await floor.wait(1)
    one.gone("a")
    await floor.wait(after)
    await two.enable("b", CALLER, ACCOUNT, GRACE)
    await floor.wait(30)
    assert floor.account.canceled == 0
    assert len(floor.account.armed) == 1


async def test_switched_off_it_does_not_fall_due():
    floor = Floor()
    (gateway,) = floor.gateways
    await gateway.enable("a", CALLER, ACCOUNT, GRACE)
    await gateway.disable("a", CALLER, ACCOUNT)
    assert not floor.account.armed
    gateway.gone("a")
    await floor.wait(10)
    assert floor.account.canceled == 0
    assert len(floor.account.arms) == 2
    await gateway.disable("b", CALLER, ACCOUNT)
    assert len(floor.account.arms) == 2, "there was nothing to switch off"


async def test_a_switching_off_that_is_unknown_is_not_forgotten_for_an_arming_that_was_under_way():
    clock = ManualClock()
    account = SlowAccount(clock)
    gateway = CancelOnDisconnect(account, account, clock=clock, identifiers=SystemIdentifiers())
    await gateway.enable("a", CALLER, ACCOUNT, GRACE)
    clock.advance(2.25)
    renewing = asyncio.create_task(gateway.renew())
    await account.publishing.wait()
    account.away = True
    with pytest.raises(HubError):
        await gateway.disable("a", CALLER, ACCOUNT)
    account.away = False
    account.may_publish.set()
    await renewing
    assert account.armed, "the arming came through"
    await gateway.disable("a", CALLER, ACCOUNT)
    assert not account.armed


async def test_a_new_connection_of_the_key_takes_the_dropped_ones_name_over():
    floor = Floor()
    (gateway,) = floor.gateways
    await gateway.enable("a", CALLER, ACCOUNT, GRACE)
    (name,) = floor.account.armed
    gateway.gone("a")
    await floor.wait(1)
    await gateway.enable("b", CALLER, ACCOUNT, Terms(8_000))
    assert {switch.name: switch.timeout_ms for switch in floor.account.armed.values()} == {name: 8_000}
    await floor.wait(12)
    assert floor.account.canceled == 0


async def test_it_takes_over_what_several_have_left_but_nothing_of_another_key():
    floor = Floor()
    (gateway,) = floor.gateways
    for holder, caller in (("a", CALLER), ("b", CALLER), ("c", OTHER)):
        await gateway.enable(holder, caller, ACCOUNT, GRACE)
    for holder in "abc":
        gateway.gone(holder)
    await floor.wait(1)
    await gateway.enable("d", CALLER, ACCOUNT, GRACE)
    await floor.wait(12)
    assert floor.account.canceled == 1, "the other key's"
    assert len(floor.account.armed) == 1


async def test_an_older_connection_is_not_a_new_one():
    floor = Floor()
    (gateway,) = floor.gateways
    await gateway.enable("a", CALLER, ACCOUNT, GRACE)
    await floor.wait(1)
    await gateway.enable("b", CALLER, ACCOUNT, GRACE)
    gateway.gone("a")
    await floor.wait(7)
    assert floor.account.canceled == 1
    gateway.gone("b")
    await floor.wait(7)
    assert floor.account.canceled == 2


async def test_who_came_after_the_last_sign_of_a_silent_connection_takes_over_from_it():
    floor = Floor()
    (gateway,) = floor.gateways
    await gateway.enable("a", CALLER, ACCOUNT, GRACE)
    heard = floor.clock.monotonic()
    await floor.wait(1)
    await gateway.enable("b", CALLER, ACCOUNT, GRACE)
    await floor.wait(28)
    gateway.gone("a", heard)
    await floor.wait(30)
    assert floor.account.canceled == 0
    assert len(floor.account.armed) == 1


@pytest.mark.parametrize("dies", [True, False])
async def test_a_reconnect_to_another_gateway_keeps_the_orders(dies):
    floor = Floor(gateways=2)
    one, two = floor.gateways
    await one.enable("a", CALLER, ACCOUNT, GRACE)
    await floor.wait(3)
    if dies:
        floor.running.remove(one)
    else:
        one.gone("a")
    await floor.wait(0.5)
    await two.enable("b", CALLER, ACCOUNT, GRACE)
    await floor.wait(30)
    assert floor.account.canceled == 0
    assert len(floor.account.armed) == 1


async def test_another_gateways_living_connection_is_left_alone():
    floor = Floor(gateways=2)
    one, two = floor.gateways
    await one.enable("a", CALLER, ACCOUNT, GRACE)
    await two.enable("b", CALLER, ACCOUNT, GRACE)
    await floor.wait(20)
    assert not any(command.timeout_ms == 0 for command in floor.account.arms)
    one.gone("a")
    await floor.wait(7)
    assert floor.account.canceled == 1, "b was there before a left"


async def test_a_switch_that_has_nobody_left_to_look_for_is_passed_over_by_the_look_that_is_under_way():
    clock = ManualClock()
    account = SlowStore(clock)
    dead, alive = (CancelOnDisconnect(account, account, clock=clock, identifiers=SystemIdentifiers()) for _ in range(2))
    for gateway, holders in ((dead, "ac"), (alive, "bd")):
        for holder, caller in zip(holders, (CALLER, OTHER), strict=True):
            await gateway.enable(holder, caller, ACCOUNT, GRACE)
    clock.advance(4)
    await alive.renew()
    account.slow = True
    looking = asyncio.create_task(alive.look())
    await account.asked.wait()
    clock.advance(2.5)
    account.fall_due()
    alive.gone("d")
    await alive.enable("e", OTHER, ACCOUNT, GRACE)
    account.may_answer.set()
    await looking
    assert account.canceled == 2, "what the dead gateway had armed"
    assert len(account.armed) == 2


async def test_an_account_that_is_not_open_is_refused_and_nothing_is_kept():
    floor = Floor(opened=False)
    (gateway,) = floor.gateways
    with pytest.raises(HubError) as refused:
        await gateway.enable("a", CALLER, ACCOUNT, GRACE)
    assert refused.value.code == "account.not_open"
    assert len(gateway.switches) == 0


async def test_an_unknown_outcome_is_said_and_the_switch_is_kept_armed_all_the_same():
    floor = Floor()
    (gateway,) = floor.gateways
    floor.account.away = True
    with pytest.raises(HubError) as unknown:
        await gateway.enable("a", CALLER, ACCOUNT, GRACE)
    assert (unknown.value.code, unknown.value.kind.retryable) == ("order.outcome_unknown", True)
    await floor.wait(3)
    floor.account.away = False
    await floor.wait(2)
    assert len(floor.account.armed) == 1
    floor.account.away = True
    with pytest.raises(HubError):
        await gateway.disable("a", CALLER, ACCOUNT)
    await floor.wait(2)
    floor.account.away = False
    await floor.wait(2)
    assert not floor.account.armed
    assert len(gateway.switches) == 0


async def test_who_switches_off_during_an_outage_and_leaves_keeps_the_orders():
    floor = Floor()
    (gateway,) = floor.gateways
    await gateway.enable("a", CALLER, ACCOUNT, GRACE)
    floor.account.away = True
    with pytest.raises(HubError):
        await gateway.disable("a", CALLER, ACCOUNT)
    gateway.gone("a")
    await floor.wait(2)
    floor.account.away = False
    await floor.wait(10)
    assert (floor.account.canceled, dict(floor.account.armed)) == (0, {})


async def test_a_short_outage_of_the_log_is_made_up_for_in_time():
    floor = Floor()
    (gateway,) = floor.gateways
    await gateway.enable("a", CALLER, ACCOUNT, Terms(LEAST_GRACE_MS))
    for _ in range(5):
        floor.account.away = True
        await floor.wait(2)
        floor.account.away = False
        await floor.wait(2)
    assert floor.account.canceled == 0


async def test_without_the_store_a_switch_is_armed_and_others_are_looked_for_later():
    floor = Floor(gateways=2)
    one, two = floor.gateways
    await one.enable("a", CALLER, ACCOUNT, GRACE)
    floor.running.remove(one)
    floor.account.store_away = True
    await two.enable("b", CALLER, ACCOUNT, GRACE)
    assert len(floor.account.armed) == 2


async def test_names_that_pile_up_in_an_account_are_bounded():
    floor = Floor()
    for number in range(MOST_NAMES):
        await floor.account.decide(
            ArmDeadMan(command_id=f"c{number}", account_id=ACCOUNT, name=f"ws:pmk_1:con_{number}", timeout_ms=60_000)
        )
    with pytest.raises(HubError) as refused:
        await floor.gateways[0].enable("a", CALLER, ACCOUNT, GRACE)
    assert refused.value.code == "stream.limit"
    await floor.gateways[0].enable("b", OTHER, ACCOUNT, GRACE)


@pytest.mark.parametrize("seed", range(40))
async def test_who_comes_back_in_time_keeps_orders_wherever_and_who_does_not_loses_them(seed):
    """One client: drops, or its gateway dies, and it comes back within a second, here or there; in the end it stays away."""
    chance = random.Random(seed)  # noqa: S311
    floor = Floor(gateways=3)
    terms = Terms(chance.choice([5_000, 6_000, 20_000]))
    for number in range(chance.randint(2, 8)):
        gateway = chance.choice(floor.running)
        await gateway.enable(number, CALLER, ACCOUNT, terms)
        await floor.wait(chance.choice([0.5, 3, 9]))
        if chance.random() < 0.3:
            floor.running.remove(gateway)
            floor.running.append(floor.gateway())
        else:
            gateway.gone(number)
        await floor.wait(chance.choice([0, 0.25, 1]))
        assert floor.account.canceled == 0
    await floor.wait(terms.grace_ms / 1_000 + 1)
    assert floor.account.canceled >= 1
    assert not floor.account.armed
    assert sum(len(gateway.switches) for gateway in floor.running) == 0
