"""The read models as one: written in the order that lets a reader trust what it reads after `as_of_seq`."""

from dataclasses import dataclass

from streams.orders.projection.fold import Changes
from streams.orders.projection.ports import AccountsStore, AnswersStore, FillsStore, OrdersStore, PositionsStore


@dataclass(frozen=True, slots=True)
class ReadModels:
    """Where the projection writes. Every write may come twice, late, and from a superseded process."""

    orders: OrdersStore
    positions: PositionsStore
    fills: FillsStore
    answers: AnswersStore
    accounts: AccountsStore

    async def write(self, changes: Changes, now: int) -> None:
        """Accounts last: who reads `as_of_seq` n and then the rest finds everything up to n, or later."""
        if changes.orders:
            await self.orders.write(changes.orders)
        if changes.denied:
            await self.orders.insert_denied(changes.denied)
        if changes.positions:
            await self.positions.write(changes.positions)
        if changes.fills:
            await self.fills.insert(changes.fills)
        if answers := [answer for answer in changes.answers if answer.expires_at > now]:
            await self.answers.insert(answers)
        if changes.accounts:
            await self.accounts.write(changes.accounts)

    async def delete_all(self) -> int:
        """Forget everything, accounts first; returns how many documents there were."""
        removed = await self.accounts.delete_all()
        for store in (self.orders, self.positions, self.fills, self.answers):
            removed += await store.delete_all()
        return removed
