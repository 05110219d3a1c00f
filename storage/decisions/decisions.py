"""On the road of an order, before and after the core (a): a command goes to `order-commands`, its record comes back.

Gateway or command line -> here -> owner -> here, by `order-events`.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from storage.command_messages import command_message
from storage.decisions.tail import ClaimSource, DecisionTail, FloorSource
from storage.decisions.watch import DecisionsLost, Watch
from storage.log.port import AppendUnknown, Log, LogUnavailable
from storage.models.order_commands import ArmDeadMan, Command
from storage.models.order_records import OrderRecord
from storage.topics import ORDER_COMMANDS, Topics

DECISION_SECONDS: Final = 3.0


class DecisionUnknown(Exception):
    """No record about the command was seen in time: it may be decided yet, or never. Send the same command again to know."""


class Decisions:
    """Publishes commands and shows the decisions about them. `run` must be running beside it.

    A command that is published twice with one id has one effect: the core answers the second one with the first answer.
    """

    def __init__(self, log: Log, topics: Topics, claims: ClaimSource, floors: FloorSource) -> None:
        self._log = log
        self._tail = DecisionTail(log, topics, claims, floors)

    async def run(self) -> None:
        """Read decisions until the log is closed. A log or a store that is away is asked again every second."""
        await self._tail.run()

    async def ready(self) -> None:
        """Return when decisions about whatever is published from now on will be seen."""
        await self._tail.started.wait()

    @property
    def is_ready(self) -> bool:
        """Whether `ready` would return at once."""
        return self._tail.started.is_set()

    def watch(self, account_id: str) -> Watch:
        """The account's valid records from the moment on at which the watch is entered (`with`)."""
        return self._tail.watch(account_id)

    async def publish(self, commands: Sequence[Command], traceparent: str | None = None) -> None:
        """Append the commands in their order. Raises `AppendUnknown`, `LogUnavailable`.

        Dead-man switches always go the way of several: the log keeps the order of what goes one way, and an older arming that
        overtook a switching off would cancel the orders of somebody who is there.
        """
        messages = [command_message(command, traceparent) for command in commands]
        if len(messages) == 1 and not isinstance(commands[0], ArmDeadMan):
            await self._log.append(ORDER_COMMANDS, messages[0])
        else:
            await self._log.append_many(ORDER_COMMANDS, messages)

    async def decide(self, command: Command, seconds: float = DECISION_SECONDS) -> OrderRecord:
        """Publish one command; the record that decides it (its first event tells what came of it).

        Raises `DecisionUnknown` when none is seen within `seconds`.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.ready()
                with self.watch(command.account_id) as watch:
                    await self.publish([command])
                    async for record in watch:
                        if record.cause.command_id == command.command_id:
                            return record
        except (TimeoutError, AppendUnknown, LogUnavailable, DecisionsLost) as error:
            reason = str(error) or f"nothing was heard within {seconds:g} s"
            raise DecisionUnknown(f"{command.command_id}: {reason}") from error
        raise AssertionError("a watch does not end by itself")
