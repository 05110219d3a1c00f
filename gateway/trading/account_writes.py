"""`POST /v1/orders/cancel-all-after` and `PUT /v1/accounts/trading-state`: what an account does to protect itself."""

from typing import Any, Final, cast

from gateway.http.calls import Reply, SignedCall
from gateway.http.fields import BodyReader
from gateway.trading.deciding import Deciding
from gateway.trading.outcomes import answered, encode, refuse, success
from gateway.trading.requests import Begun, OrderRequestBook, account_of
from storage.models.accounts import TradingState
from storage.models.order_commands import ArmDeadMan, Command, SetTradingState

DEAD_MAN: Final = "api"
LONGEST_TIMEOUT_MS: Final = 86_400_000
STATES: Final = ("active", "reducing", "halted")


class AccountWrites:
    """Arms the dead-man switch of the API, sets the trading state."""

    def __init__(self, book: OrderRequestBook, deciding: Deciding) -> None:
        self._book = book
        self._deciding = deciding

    async def cancel_all_after(self, call: SignedCall, body: dict[str, Any]) -> Reply:
        """`data`: `deadline`, `armed`; 0 ms switches it off."""
        reader = BodyReader(body)
        timeout_ms = reader.whole("timeout_ms", 0, LONGEST_TIMEOUT_MS)
        spare_reduce_only = reader.flag("spare_reduce_only")
        reader.finish()
        begun = await self._begin(call)
        return await self._decide(
            begun,
            ArmDeadMan(
                command_id=begun.request.command_ids[0],
                account_id=begun.account_id,
                issued_at=begun.request.issued_at,
                name=DEAD_MAN,
                timeout_ms=timeout_ms or 0,
                spare_reduce_only=spare_reduce_only,
            ),
        )

    async def trading_state(self, call: SignedCall, body: dict[str, Any]) -> Reply:
        """`data`: `state`, `since`, `set_by`."""
        reader = BodyReader(body)
        state = reader.choice("state", STATES, required=True)
        reader.finish()
        begun = await self._begin(call)
        return await self._decide(
            begun,
            SetTradingState(
                command_id=begun.request.command_ids[0],
                account_id=begun.account_id,
                issued_at=begun.request.issued_at,
                state=cast("TradingState", state),
                set_by="account",
            ),
        )

    async def _begin(self, call: SignedCall) -> Begun:
        return await self._book.begin(call, account_of(call), (True,), makes_orders=False)

    async def _decide(self, begun: Begun, command: Command) -> Reply:
        with self._deciding.watch(begun.account_id) as watch:
            decided = await self._deciding.decide(begun, [command], watch)
        answer = answered(begun, decided.get(command.command_id), {}).answer
        if answer.code is not None:
            refuse(begun, answer, None)
        return success(begun, answer.seq, encode(answer.details))
