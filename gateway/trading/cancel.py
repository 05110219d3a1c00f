"""`POST /v1/orders/cancel` and `/v1/orders/cancel-all`: one command marks what it finds, a cancel of each order follows.

The answer leaves when each order is canceled or failed, at most 500 ms after the core has decided; a repeat shows the present.
"""

import asyncio
from typing import Any, Final

from gateway.http.calls import Reply, SignedCall
from gateway.market.ports import ReferenceSource
from gateway.trading.cancellation import FINAL, NOT_SELECTED, Cancellation
from gateway.trading.deciding import Deciding, KnownAnswer
from gateway.trading.outcomes import LATE, encode, refuse, refuse_unknown, success
from gateway.trading.ports import OrderSource
from gateway.trading.requests import Begun, OrderRequestBook, account_of
from gateway.trading.shape import Selector, selector, wide_selector
from ops.runtime.errors import HubError
from storage.decisions.watch import DecisionsLost, Watch
from storage.models.order_commands import CancelAll
from storage.models.orders import Order
from storage.mongo.failures import StoreUnavailable

SETTLE_SECONDS: Final = 0.5
"""How long a cancel waits for its venues; what is not confirmed by then is shown as pending."""
_NOT_FOUND: Final = "order.not_found"


class Canceling:
    """Cancels orders."""

    def __init__(
        self,
        book: OrderRequestBook,
        deciding: Deciding,
        orders: OrderSource,
        reference: ReferenceSource,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._book = book
        self._deciding = deciding
        self._orders = orders
        self._reference = reference
        self._settle_seconds = settle_seconds

    async def selected(self, call: SignedCall, body: dict[str, Any]) -> Reply:
        """What became of the orders that every given selector picks.

        Raises `cancel.empty_selector` and `market.unknown_symbol`.
        """
        return await self._cancel(call, selector(body))

    async def all(self, call: SignedCall, body: dict[str, Any]) -> Reply:
        """What became of all open orders, or those of a symbol or a strategy. Raises `market.unknown_symbol`."""
        return await self._cancel(call, wide_selector(body))

    async def _cancel(self, call: SignedCall, wanted: Selector) -> Reply:
        account_id = account_of(call)
        if not self._is_known(wanted.symbol) and not await self._book.known(call):
            raise HubError("market.unknown_symbol", {"symbols": [wanted.symbol]})
        begun = await self._book.begin(call, account_id, (True,), makes_orders=False)
        with self._deciding.watch(account_id) as watch:
            decided = await self._ask(begun, wanted, watch)
            cancellation = await self._settled(begun, wanted, decided, watch)
        return success(begun, max(decided.seq, cancellation.seq), encode(cancellation.result()))

    def _is_known(self, symbol: str | None) -> bool:
        return symbol is None or symbol in self._reference().instruments

    async def _ask(self, begun: Begun, wanted: Selector, watch: Watch) -> KnownAnswer:
        command = CancelAll(
            command_id=begun.request.command_ids[0],
            account_id=begun.account_id,
            issued_at=begun.request.issued_at,
            order_ids=wanted.order_ids,
            symbol=wanted.symbol,
            strategy_id=wanted.strategy_id,
        )
        decided = (await self._deciding.decide(begun, [command], watch)).get(command.command_id)
        if decided is None:
            refuse_unknown({})
        if decided.answer is not None and decided.answer.code is not None:
            refuse(begun, decided.answer, None)
        return decided

    async def _settled(self, begun: Begun, wanted: Selector, decided: KnownAnswer, watch: Watch) -> Cancellation:
        """What became of it after `settle_seconds`, or as soon as nothing is pending. Raises `order.outcome_unknown` where nobody can say whether
        there is such an order.
        """
        cancellation = Cancellation()
        if decided.answer is not None:
            cancellation.begin(decided.answer)
            cancellation.leave_out(wanted.order_ids or ())
        looked_up = False
        try:
            async with asyncio.timeout(self._settle_seconds):
                await self._look_up(begun.account_id, wanted, decided, cancellation)
                looked_up = True
                while cancellation.pending:
                    cancellation.take(await anext(watch))
        except (TimeoutError, DecisionsLost, StoreUnavailable):  # what is not known to have ended is shown as pending
            if not looked_up and cancellation.failed_with(_NOT_FOUND):
                refuse_unknown({})  # they may have ended so long ago that the read models alone know them
        return cancellation

    async def _look_up(
        self, account_id: str, wanted: Selector, decided: KnownAnswer, cancellation: Cancellation
    ) -> None:
        """What the read models know better: orders that ended long ago, and for a repeat the present of the others."""
        if decided.answer is None:
            await self._show_undone(account_id, wanted, cancellation)
        elif decided.remembered and cancellation.pending:
            await self._deciding.reached(account_id, decided.seq)
            found = await self._orders.get_many(account_id, cancellation.pending)
            cancellation.show(found.values())
        if missing := cancellation.failed_with(_NOT_FOUND):
            for order_id in await self._orders.get_many(account_id, missing):
                cancellation.fail(order_id, FINAL)

    async def _show_undone(self, account_id: str, wanted: Selector, cancellation: Cancellation) -> None:
        """The present of a cancel that came too late to be done: what is open stays open."""
        for order_id in wanted.order_ids or ():
            cancellation.fail(order_id, _NOT_FOUND)
        for order in await self._orders.open_of(account_id):
            if _picks(wanted, order):
                cancellation.fail(order.order_id, LATE)
            elif order.order_id in (wanted.order_ids or ()):
                cancellation.fail(order.order_id, NOT_SELECTED)


def _picks(wanted: Selector, order: Order) -> bool:
    return (
        (wanted.order_ids is None or order.order_id in wanted.order_ids)
        and (wanted.symbol is None or order.symbol == wanted.symbol)
        and (wanted.strategy_id is None or order.strategy_id == wanted.strategy_id)
    )
