"""What people do to a running platform: halts, connectors that break, feeds that fall silent, records that nobody expects."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from storage.command_messages import command_message
from storage.controls.announce import Announcer
from storage.log.port import AppendUnknown, LogUnavailable, Message
from storage.log.valid_records import newest_claim
from storage.models.accounts import Limits
from storage.models.controls import Fault, Halt
from storage.models.order_commands import Deposit, SetLimits, SettleBreak, VenueFilled
from storage.models.ownership import not_applied
from storage.mongo.failures import StoreUnavailable
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS
from tests.simulation.core.machines import ProcessClock
from tests.simulation.core.shelves import ControlShelf
from tests.simulation.core.street import ACCOUNTS, COIN, LIMITS
from tests.simulation.owner.simulated_log import SimulatedLog

if TYPE_CHECKING:
    from tests.simulation.core.world import World

LATEST_WRITE: Final = 3.2
LOOKS: Final = 15


class Rulings:
    """Changes controls, and appends what no part of ours would."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def rule(self) -> None:
        """People halt trading and lift it, break connectors, and a feed falls silent; now and then."""
        chance, process = self._world.chance("rules"), self._world.process("admin")
        log = SimulatedLog(self._world.broker, process)
        announcer = Announcer(
            log, ControlShelf(self._world.place.shelves, process), ProcessClock(process, self._world.now)
        )  # type: ignore[arg-type]
        for number in range(chance.choice((0, 1, 2))):
            await asyncio.sleep(chance.uniform(0.2, 2))
            kind = chance.choice(("halt", "halt", "connector", "stale"))
            if kind in self._world.without:
                continue
            self._world.met[kind] += 1
            if kind == "stale":
                self._world.feed.stale = True
                asyncio.get_running_loop().call_later(chance.uniform(0.3, 1.5), self._feed_again)
            elif kind == "halt":
                scope, target = chance.choice(
                    (("platform", ""), ("account", "acc_a"), ("symbol", COIN), ("venue", "X"))
                )
                halt = Halt(f"halt{number}", scope, target, chance.choice(("reducing", "halted")))
                await self._change(announcer, log, halt)
                await asyncio.sleep(chance.uniform(0.1, 1))
                await self._change(announcer, log, Halt(halt.halt_id, scope, target, halt.level, lifted=True))
            else:
                await self._change(announcer, log, Fault("sim-a", chance.choice(("refuse", "timeout", "down"))))
                await asyncio.sleep(chance.uniform(0.2, 1.5))
                await self._change(announcer, log, Fault("sim-a", "none"))

    def _feed_again(self) -> None:
        self._world.feed.stale = False

    async def _change(self, announcer: Announcer, log: SimulatedLog, document: Any) -> None:
        """Change a control, and wait for a while until every owner says that it applies it.

        It may take until the next record: an owner whose own lost claim has come late is superseded by it, and does not
        see it before it appends.
        """
        while True:
            try:
                version = await announcer.change([document])
                newest = await newest_claim(log, ORDER_EVENTS, 0, self._world.place.order_store.floor.anchor)
            except (StoreUnavailable, LogUnavailable, AppendUnknown):
                await asyncio.sleep(0.1)
            else:
                break
        chance = self._world.chance("announcing")
        for _ in range(LOOKS):
            reports = [report for one in self._world.cores if not one.process.crashed for report in one.reports()]
            await asyncio.sleep(chance.choice((0.0, 0.05, 0.3)))
            if not not_applied(version, {0: newest}, reports):
                self._world.halted.append((version, len(self._world.broker.records[ORDER_EVENTS])))
                return

    async def stray(self) -> None:
        """What nobody of ours has sent: a report about nothing, that an operator looks into; a command that is none; limits."""
        chance = self._world.chance("strays")
        if "stray" in self._world.without:
            return
        for number in range(chance.choice((0, 0, 1, 2))):
            await asyncio.sleep(chance.uniform(0.1, 3))
            self._world.met["stray"] += 1
            account_id = chance.choice(list(ACCOUNTS))
            match chance.choice(("report", "junk", "limits", "deposit")):
                case "report":
                    fill = VenueFilled(
                        command_id=f"stray{number}",
                        account_id=account_id,
                        order_id="ord_stray",
                        fill_id="f",
                        price="1",
                        quantity="1",
                    )
                    self._world.broker.land(ORDER_COMMANDS, [command_message(fill)])
                    await asyncio.sleep(chance.uniform(0.1, 1))
                    looked_into = SettleBreak(
                        command_id=f"stray-settled{number}", account_id=account_id, order_id="ord_stray"
                    )
                    self._world.broker.land(ORDER_COMMANDS, [command_message(looked_into)])
                case "junk":
                    self._world.broker.land(ORDER_COMMANDS, [Message(account_id.encode(), b'{"type":"Nonsense"}')])
                case "limits":
                    limits = SetLimits(command_id=f"limits{number}", account_id=account_id, limits=Limits(**LIMITS))
                    self._world.broker.land(ORDER_COMMANDS, [command_message(limits)])
                case "deposit":
                    money = Deposit(command_id=f"money{number}", account_id=account_id, currency="USD", amount="17.5")
                    self._world.broker.land(ORDER_COMMANDS, [command_message(money)])

    async def lift(self, *, left_over: bool) -> None:
        """Whatever people have ruled is over. What they were about to write when they were called off may come late."""
        if left_over:
            await asyncio.sleep(LATEST_WRITE)
        process = self._world.process("admin")
        log = SimulatedLog(self._world.broker, process)
        announcer = Announcer(
            log, ControlShelf(self._world.place.shelves, process), ProcessClock(process, self._world.now)
        )  # type: ignore[arg-type]
        for stored in list(self._world.place.shelves.kinds["controls"].values()):
            document = stored.document
            if isinstance(document, Halt) and not document.lifted:
                await self._change(
                    announcer, log, Halt(document.halt_id, document.scope, document.target, document.level, lifted=True)
                )
            elif isinstance(document, Fault) and document.fault != "none":
                await self._change(announcer, log, Fault(document.connector, "none"))
