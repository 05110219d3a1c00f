"""The pre-trade checks, in the order in which they are asked; the first that refuses is the answer. Pure."""

from collections.abc import Callable
from typing import Final

from storage.models.money import money, notional, number, plus, text_of
from storage.models.valuation import in_account_currency
from streams.risk.denial import Denial
from streams.risk.increments import too_small
from streams.risk.proposal import Proposal

Check = Callable[[Proposal], Denial | None]


def order_rate(proposal: Proposal) -> Denial | None:
    """Orders and amends accepted within the last second."""
    limit = proposal.limits.orders_per_second
    if proposal.recent_orders < limit:
        return None
    return Denial("risk.order_rate", {"orders_last_second": proposal.recent_orders, "limit": limit})


def open_orders(proposal: Proposal) -> Denial | None:
    """How many orders may be open at once."""
    limit = proposal.limits.max_open_orders
    if not proposal.is_new or proposal.open_orders < limit:
        return None
    return Denial("risk.max_open_orders", {"open_orders": proposal.open_orders, "limit": limit})


def only_reducing(proposal: Proposal) -> Denial | None:
    """What a `reducing` restriction lets through: what reduces, and an amend that only asks for less."""
    restriction = proposal.restriction
    if restriction is None or restriction.level != "reducing" or proposal.adds_nothing:
        return None
    return Denial("risk.reducing_only", {**restriction.details(), **_reduction(proposal)})


def reduce_only(proposal: Proposal) -> Denial | None:
    """A reduce-only order must fit into the position beside the other open orders of its side."""
    if not proposal.reduce_only or proposal.reduces:
        return None
    return Denial("risk.reduce_only", _reduction(proposal))


def not_shortable(proposal: Proposal) -> Denial | None:
    """What cannot be sold short is sold only as far as it is held and not offered yet."""
    if proposal.side == "buy" or proposal.rules.shortable or proposal.adds_nothing:
        return None
    return Denial("risk.not_shortable", {"available": text_of(proposal.reducible), **_reduction(proposal)})


def price_collar(proposal: Proposal) -> Denial | None:
    """A limit price at most so far beyond the market; a stop-limit's beyond its stop price."""
    if proposal.price is None:
        return None
    around = proposal.stop_price if proposal.stop_price is not None else proposal.mark
    farthest = proposal.beyond(around)
    inside = proposal.price <= farthest if proposal.side == "buy" else proposal.price >= farthest
    if inside:
        return None
    return Denial(
        "risk.price_collar",
        {
            "price": text_of(proposal.price),
            "reference_price": text_of(around),
            "collar": text_of(proposal.collar),
            "limit_price": text_of(farthest),
        },
    )


def conversion(proposal: Proposal) -> Denial | None:
    """No new risk in a currency that cannot be valued."""
    if proposal.adds_nothing or (proposal.rate is not None and proposal.rate.live):
        return None
    return Denial("risk.conversion_unavailable", {"currency": proposal.rules.currency})


def order_quantity(proposal: Proposal) -> Denial | None:
    """The account's own limit on one order's quantity."""
    limit = proposal.limits.max_order_quantity
    if limit is None or proposal.quantity <= number(limit):
        return None
    return Denial("risk.max_order_quantity", {"quantity": text_of(proposal.quantity), "limit": limit})


def order_value(proposal: Proposal) -> Denial | None:
    """The account's limit on one order's value, in its currency."""
    limit = proposal.limits.max_order_value
    if limit is None:
        return None
    value = in_account_currency(money(proposal.value), proposal.rate)
    if value <= number(limit):
        return None
    return Denial("risk.max_order_value", {"order_value": text_of(value), "limit": limit})


def position_limit(proposal: Proposal) -> Denial | None:
    """The value, at the mark, of the position that would stand if all open orders of the side were filled."""
    limit = proposal.limits.position_limit
    if limit is None or proposal.adds_nothing:
        return None
    adding = plus(proposal.left, proposal.same_side)
    after = plus(proposal.net, adding if proposal.side == "buy" else adding.copy_negate())
    size = notional(proposal.mark, after.copy_abs(), proposal.rules.multiplier)
    value = in_account_currency(money(size), proposal.rate)
    if value <= number(limit):
        return None
    told = {"position": text_of(proposal.net), "position_after": text_of(after), "position_value": text_of(value)}
    return Denial("risk.position_limit", {**told, "limit": limit})


def self_trade(proposal: Proposal) -> Denial | None:
    """Cancel newest: an order that would meet one of the account's own is not taken. Stops are not in the book yet.

    A market order is held against its touch alone: what rests deeper it may never come to (docs/decisions/0095).
    """
    if proposal.best_opposite is None or proposal.kind == "stop":
        return None
    resting, order_id = proposal.best_opposite
    price = proposal.price if proposal.price is not None else proposal.touch
    if price is not None and (price < resting if proposal.side == "buy" else price > resting):
        return None
    told = {"order_id": order_id, "resting_price": text_of(resting)}
    return Denial("risk.self_trade", {**told, "price": text_of(proposal.price) if proposal.price is not None else None})


def liquidation(proposal: Proposal) -> Denial | None:
    """At the liquidation level nothing is taken but what reduces, or asks for less."""
    if proposal.adds_nothing or proposal.margin_level() != "liquidation":
        return None
    return Denial("risk.liquidation", _reduction(proposal))


def margin(proposal: Proposal) -> Denial | None:
    """What it would reserve anew must be there; an order that can only reduce asks for nothing."""
    if proposal.adds_nothing:
        return None
    required = in_account_currency(proposal.required, proposal.rate)
    if not required:
        return None
    available = proposal.available_margin()
    if required <= available:
        return None
    rate = text_of(proposal.rules.initial_margin_rate)
    told = {"required_margin": text_of(required), "available_margin": text_of(available)}
    return Denial("risk.insufficient_margin", {**told, "initial_margin_rate": rate})


CHECKS: Final[tuple[Check, ...]] = (
    too_small,
    order_rate,
    open_orders,
    only_reducing,
    reduce_only,
    not_shortable,
    price_collar,
    conversion,
    order_quantity,
    order_value,
    position_limit,
    self_trade,
    liquidation,
    margin,
)


def first_denial(proposal: Proposal) -> Denial | None:
    """The first check that refuses, with the instrument's increments beside its figures; None where all agree."""
    for check in CHECKS:
        denial = check(proposal)
        if denial is not None:
            return Denial(denial.code, {**denial.details, **proposal.rules.increments})
    return None


def _reduction(proposal: Proposal) -> dict[str, str]:
    return {
        "quantity": text_of(proposal.left),
        "position": text_of(proposal.net),
        "open_same_side": text_of(proposal.same_side),
        "reducible": text_of(proposal.reducible),
    }
