"""What holds at the end of every test of the order road."""

from decimal import Decimal

from tests.integration.venues.floor import Floor


async def nothing_is_wrong(floor: Floor) -> None:
    """Records without a gap, each fill counted once, positions equal to the fills, no report that fits nothing."""
    accounts = {record.account_id for record in floor.records}
    for account in accounts:
        records = [record for record in floor.records if record.account_id == account]
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        fills = [event for record in records for event in record.events if type(event).__name__ == "OrderFilled"]
        assert len({(fill.order_id, fill.fill_id) for fill in fills}) == len(fills)
        net: dict[str, Decimal] = {}
        for fill in fills:
            signed = Decimal(fill.quantity) * (1 if fill.side == "buy" else -1)
            net[fill.symbol] = net.get(fill.symbol, Decimal(0)) + signed
        shown = {position.symbol: Decimal(position.net_qty) for record in records for position in record.positions}
        assert shown == net
        assert not [event for record in records for event in record.events if type(event).__name__ == "ReportUnmatched"]
