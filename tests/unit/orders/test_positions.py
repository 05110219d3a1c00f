from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.models.money import money, number, plus, text_of
from storage.models.positions import Position
from streams.orders.positions import Dealt, dealt, signed

FILLS = st.lists(
    st.tuples(
        st.sampled_from(("buy", "sell")),
        st.decimals("0.001", "1000", places=3),
        st.decimals("0.0001", "100000", places=4),
    ),
    max_size=12,
)


def position_of(after: Dealt, multiplier: str) -> Position:
    numbers = {"net_qty": text_of(after.net), "avg_price": text_of(after.average), "cost": text_of(after.cost)}
    rest = dict.fromkeys(Position.__struct_fields__, "0") | {"multiplier": multiplier, "seq": 1}
    return Position(**{**rest, **numbers})


@pytest.mark.parametrize(
    ("fills", "net", "average", "realized"),
    [
        ([("buy", "2", "100")], "2", "100", "0"),
        ([("buy", "1", "100"), ("buy", "2", "103")], "3", "102", "0"),
        ([("buy", "3", "102"), ("sell", "1", "110")], "2", "102", "8"),
        ([("buy", "3", "102"), ("sell", "3", "101.5")], "0", "0", "-1.5"),
        ([("buy", "3", "102"), ("sell", "5", "103")], "-2", "103", "3"),
        ([("sell", "2", "50"), ("sell", "1", "47")], "-3", "49", "0"),
        ([("sell", "3", "49"), ("buy", "1", "50")], "-2", "49", "-1"),
        ([("buy", "1", "1"), ("buy", "1", "2"), ("buy", "1", "2")], "3", "1.666666666667", "0"),
    ],
)
def test_average_and_profit(fills: list[tuple[str, str, str]], net: str, average: str, realized: str) -> None:
    position, total = None, Decimal(0)
    for side, quantity, price in fills:
        after = dealt(position, signed(side, Decimal(quantity)), Decimal(price), Decimal(1))
        position, total = position_of(after, "1"), plus(total, after.realized)
    assert position is not None
    assert (position.net_qty, position.avg_price, text_of(total)) == (net, average, realized)


@given(FILLS, st.sampled_from(("1", "50", "0.1", "125000")))
def test_money_is_conserved_against_the_fills(fills: list[tuple[str, Decimal, Decimal]], multiplier: str) -> None:
    """Realised profit less the cost of what is held is what the fills paid and received, but for the roundings."""
    position, realized, flows, slack = None, Fraction(0), Fraction(0), Fraction(0)
    net = Fraction(0)
    for side, quantity, price in fills:
        change = signed(side, quantity)
        after = dealt(position, change, price, number(multiplier))
        slack += Fraction(1, 2 * 10**8) + Fraction(1, 2 * 10**12) * Fraction(multiplier) * (
            abs(net) + Fraction(quantity)
        )
        position = position_of(after, multiplier)
        realized += Fraction(after.realized)
        net += Fraction(change)
        flows -= Fraction(change) * Fraction(price) * Fraction(multiplier)
        assert Fraction(after.net) == net
        assert money(after.realized) == after.realized
        assert abs(realized - Fraction(after.cost) - flows) <= slack


@given(FILLS.map(lambda fills: [(quantity, price) for _, quantity, price in fills]), st.randoms())
def test_fills_of_one_side_come_to_the_same_in_any_order(fills: list[tuple[Decimal, Decimal]], random: object) -> None:
    def folded(some: list[tuple[Decimal, Decimal]]) -> Dealt | None:
        position, after = None, None
        for quantity, price in some:
            after = dealt(position, quantity, price, Decimal(1))
            position = position_of(after, "1")
        return after

    shuffled = list(fills)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert folded(fills) == folded(shuffled)
