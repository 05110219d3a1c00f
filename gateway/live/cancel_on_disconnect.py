"""`cancel_on_disconnect`: dead-man switches in the account, armed again as long as a connection is there.

The core cancels when nobody arms a switch any more, so it also does when this process dies. A switch whose connection is seen
to go is armed a last time: orders stay the whole grace from then. A new connection of the same
key takes over what a dropped one left: here by its name; what another gateway left is switched off as soon as it is seen
not to be armed again, in time as a grace is 5 s or more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Final, Protocol

from gateway.callers import Caller
from gateway.live.account_snapshot import StoredAccounts
from gateway.live.switches import Other, Switch, Switches, Terms, abandoned, left_of, looked_at, others_of, prefix
from ops.runtime.clock import Clock
from ops.runtime.errors import HubError
from ops.runtime.identifiers import Identifiers
from storage.decisions.decisions import DecisionUnknown
from storage.log.port import AppendUnknown, LogUnavailable
from storage.models.accounts import DeadMan
from storage.models.order_commands import ArmDeadMan, Command
from storage.models.order_events import CommandDenied, DeadManSet
from storage.models.order_records import OrderRecord
from storage.mongo.failures import StoreUnavailable

TICK_SECONDS: Final = 0.25
MOST_NAMES: Final = 200
_PUBLISH_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 1.0
_OFF: Final = Terms(0)
_logger = logging.getLogger(__name__)


class Core(Protocol):
    """`storage.decisions.decisions.Decisions`."""

    async def decide(self, command: Command) -> OrderRecord:
        """Raises `DecisionUnknown`."""
        ...

    async def publish(self, commands: Sequence[Command]) -> None:
        """Raises `AppendUnknown`, `LogUnavailable`."""
        ...


class CancelOnDisconnect:
    """The switches of a process's connections. `run` must be running beside it; `accounts` are the read models."""

    def __init__(self, core: Core, accounts: StoredAccounts, *, clock: Clock, identifiers: Identifiers) -> None:
        self.switches = Switches()
        self._core, self._accounts, self._clock, self._identifiers = core, accounts, clock, identifiers
        self._left_over: list[ArmDeadMan] = []

    async def enable(self, holder: Hashable, caller: Caller, account_id: str, terms: Terms) -> None:
        """Arm the switch of a connection, and keep it armed until it is gone. Returns when the core has decided it.

        Raises `HubError`: `stream.limit`, what the core denies it with (`account.not_open`), or `order.outcome_unknown`; after
        that last one it is kept armed all the same.
        """
        switch = self.switches.of(holder) or await self._new(holder, caller, account_id)
        await self._decide(holder, switch, terms)

    async def disable(self, holder: Hashable, caller: Caller, account_id: str) -> None:
        """Switch it off, and what a dropped connection of the key has left here.

        Raises as `enable` does; after `order.outcome_unknown` it is tried further.
        """
        switch = self.switches.of(holder) or self._taken_over(holder, caller, account_id)
        if switch is not None:
            await self._decide(holder, switch, _OFF)
            self.switches.forget(holder)

    def gone(self, holder: Hashable, silent_since: float | None = None) -> None:
        """A connection has ended; see `Switches.drop`. Does nothing the second time."""
        taken_over = self.switches.drop(holder, self._now, silent_since)
        if taken_over is not None:
            self._switch_off(taken_over.name, taken_over.account_id)

    async def run(self) -> None:
        """Keep switches armed, and look for what others have left."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._every_tick(self.renew), name="dead-man switches")
            tasks.create_task(self._every_tick(self.look), name="dead-man switches of others")

    async def renew(self) -> None:
        """Send what is due."""
        due = self.switches.due(self._now)
        switched_off = [switch for switch in due if not switch.terms.grace_ms]
        left_over, self._left_over = self._left_over, []
        if await self._sent(
            [*left_over, *(self._command(switch.name, switch.account_id, switch.terms) for switch in due)]
        ):
            for switch in switched_off:
                if not switch.terms.grace_ms and switch.holder is not None:  # nobody has armed it again meanwhile
                    self.switches.forget(switch.holder)
        else:
            self.switches.unsent(due, self._now)
            self._left_over += left_over

    async def look(self) -> None:
        """Take over what connections elsewhere have left."""
        for switch in self.switches.looking():
            if switch.others and min(looked_at(other.seen) for other in switch.others) < self._clock.now():
                try:
                    await self._look_at(switch)
                except StoreUnavailable as error:
                    _logger.warning("what other gateways have left of dead-man switches is not seen: %s", error)
                    await asyncio.sleep(_RETRY_SECONDS)

    def _taken_over(self, holder: Hashable, caller: Caller, account_id: str) -> Switch | None:
        """What a dropped connection of the key has left here, now this one's."""
        left = self.switches.take_over(holder, caller.key_id, account_id, self._now)
        for other in left[1:]:
            self._switch_off(other.name, account_id)
        return left[0] if left else None

    async def _new(self, holder: Hashable, caller: Caller, account_id: str) -> Switch:
        """One that was dropped here, else one of a new name; beside those that stand in the account."""
        others = await self._others(caller.key_id, account_id)
        if len(others) >= MOST_NAMES:
            raise HubError("stream.limit", {"limit": "cancel_on_disconnect", "most": MOST_NAMES})
        switch = self._taken_over(holder, caller, account_id)
        if switch is None:
            name = self._identifiers.new(prefix(caller.key_id) + "con")
            switch = self.switches.add(holder, name, key_id=caller.key_id, account_id=account_id, now=self._now)
        switch.others = [Other(one) for one in others]
        return switch

    async def _decide(self, holder: Hashable, switch: Switch, terms: Terms) -> None:
        self.switches.arm(switch, terms, self._now)
        try:
            record = await self._core.decide(self._command(switch.name, switch.account_id, terms))
        except DecisionUnknown as error:
            _logger.warning("a dead-man switch may be set or not: %s", error)
            raise HubError("order.outcome_unknown", {"operation": "cancel_on_disconnect"}) from error
        for event in record.events:
            if isinstance(event, CommandDenied):
                self.switches.forget(holder)
                raise HubError(event.code, event.details)
            if isinstance(event, DeadManSet):
                return
        raise HubError("order.outcome_unknown", {"operation": "cancel_on_disconnect"})

    async def _look_at(self, switch: Switch) -> None:
        """Those that were armed again and again are somebody's; those that are not any more are switched off."""
        present = {one.name: one for one in await self._look_up(switch.key_id, switch.account_id)}
        now = self._clock.now()
        left = left_of(switch.others, present)
        for one in left:
            if abandoned(one.seen, now):
                self._switch_off(one.seen.name, switch.account_id)
        switch.others = [one for one in left if not abandoned(one.seen, now)]

    def _switch_off(self, name: str, account_id: str) -> None:
        if not any(command.name == name for command in self._left_over):
            self._left_over.append(self._command(name, account_id, _OFF))

    async def _others(self, key_id: str, account_id: str) -> list[DeadMan]:
        """Those of the key in the account that are not from here. Without the store none: a switch is more than a look."""
        try:
            return await self._look_up(key_id, account_id)
        except StoreUnavailable as error:
            _logger.warning("what other gateways have left of dead-man switches is not looked at: %s", error)
            return []

    async def _look_up(self, key_id: str, account_id: str) -> list[DeadMan]:
        account = await self._accounts.get(account_id)
        return others_of(key_id, account.dead_men if account is not None else (), self.switches.knows)

    async def _sent(self, commands: Sequence[Command]) -> bool:
        if not commands:
            return True
        try:
            async with asyncio.timeout(_PUBLISH_SECONDS):
                await self._core.publish(commands)
        except (TimeoutError, AppendUnknown, LogUnavailable) as error:
            _logger.warning("%d dead-man switches are armed again in a second: %s", len(commands), error or "no answer")
            return False
        return True

    def _command(self, name: str, account_id: str, terms: Terms) -> ArmDeadMan:
        return ArmDeadMan(
            command_id=self._identifiers.new("cmd"),
            account_id=account_id,
            issued_at=self._clock.now(),
            name=name,
            timeout_ms=terms.grace_ms,
            spare_reduce_only=terms.spare_reduce_only,
        )

    async def _every_tick(self, turn: Callable[[], Awaitable[None]]) -> None:
        while True:
            await turn()
            await asyncio.sleep(TICK_SECONDS)

    @property
    def _now(self) -> float:
        return self._clock.monotonic()
