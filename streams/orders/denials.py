"""Why the core refuses: every stable code with its status, whether a retry can help, and what it means. Pure data.

These go into the error catalogue; the core itself carries the code alone. All are denials: decided once, stored, repeated
as they are. `retryable` is false for all of them, as the same Idempotency-Key gives the same answer.
"""

from typing import Final, NamedTuple


class DenialKind(NamedTuple):
    """One code: HTTP status, message, what a caller can do."""

    code: str
    status: int
    message: str
    help: str


# fmt: off
DENIALS: Final[tuple[DenialKind, ...]] = (
    DenialKind("account.not_open", 409, "This account is not open.", "It is opened by provisioning; try again when it is."),
    DenialKind("account.already_open", 409, "This account is open already.", "Nothing to do."),
    DenialKind("account.insufficient_funds", 409, "The account does not have that much to take out.", "details.available_margin is the most."),
    DenialKind("account.trading_state_locked", 409, "An admin has set a stricter trading state.", "Ask support to loosen it."),
    DenialKind("command.malformed", 409, "The command could not be read and was not executed.", "Send again with a new Idempotency-Key; if it happens again, tell support the trace id."),
    DenialKind("command.too_large", 409, "The command would change more than one record can say, and was not executed.", "Send it in parts, or with shorter texts."),
    DenialKind("connector.unavailable", 503, "The connector to this venue is down.", "Send again with a new Idempotency-Key."),
    DenialKind("instrument.not_tradable", 409, "This instrument is market data only.", "GET /v1/markets says what can be traded."),
    DenialKind("instrument.halted", 409, "Trading in this instrument is halted.", "Wait until its status is active."),
    DenialKind("market.stale_quote", 409, "There is no live quote to trade this against.", "Wait for feed_state live. Against a stale quote a limit order is taken; where details.feed_state is null there is no quote yet, and no order is."),
    DenialKind("market.no_liquidity", 409, "The side of the book that this would trade against is empty.", "Send a limit order."),
    DenialKind("market.unknown_symbol", 404, "Unknown symbol.", "GET /v1/markets lists the symbols."),
    DenialKind("order.already_final", 409, "This order has ended.", "details.status is how."),
    DenialKind("order.amend_pending", 409, "An amend of this order is still with the venue.", "Wait for its answer on orders.*."),
    DenialKind("order.cancel_pending", 409, "This order is being canceled.", "Wait for its end on orders.*."),
    DenialKind("order.duplicate_client_id", 409, "Another order has this client_order_id.", "details.other_order_id is that order; choose another id."),
    DenialKind("order.expired_in_transit", 409, "The command arrived too late and was not executed.", "Send again with a new Idempotency-Key."),
    DenialKind("order.invalid", 409, "The order does not make sense as it is.", "details.fields names what does not go together."),
    DenialKind("order.lot_size", 409, "The quantity is not a multiple of the lot size.", "details.lot_size is the step."),
    DenialKind("order.max_quantity", 409, "The quantity is above the instrument's maximum.", "details.max_quantity is the most."),
    DenialKind("order.min_notional", 409, "The order's value is below the instrument's minimum.", "details.min_notional is the least."),
    DenialKind("order.min_quantity", 409, "The quantity is below the instrument's minimum.", "details.min_quantity is the least."),
    DenialKind("order.not_amendable", 409, "This order cannot be changed in that way.", "details.reason says why; cancel it and place another."),
    DenialKind("order.not_found", 404, "There is no such order.", "Ended orders are read with GET /v1/orders/{order_id}. A read right after a write may be behind it: send X-Min-Account-Seq."),
    DenialKind("order.quantity_below_filled", 409, "The quantity is below what is filled already.", "details.filled_quantity is the least."),
    DenialKind("order.tick_size", 409, "The price is not a multiple of the tick size.", "details.tick_size is the step."),
    DenialKind("order.uncertain", 409, "What became of this order is not known yet.", "Wait until uncertain is false."),
    DenialKind("order.venue_mismatch", 409, "The symbol trades at another venue.", "details.venue is its venue."),
    DenialKind("request.invalid", 422, "The request is not valid.", "details.fields names each field, why, and what is expected."),
    DenialKind("risk.binding_inactive", 409, "There is no active binding to this venue.", "See GET /v1/access-bindings."),
    DenialKind("risk.conversion_unavailable", 409, "This currency cannot be valued at the moment.", "Wait for a live quote of its conversion symbol."),
    DenialKind("risk.insufficient_margin", 409, "The available margin does not cover this order.", "details has what is needed and what is there."),
    DenialKind("risk.liquidation", 409, "The account is at its liquidation level: only orders that reduce are taken.", "Reduce positions or add funds."),
    DenialKind("risk.max_open_orders", 409, "The account has as many open orders as it may.", "Cancel some first."),
    DenialKind("risk.max_order_quantity", 409, "The quantity is above the account's limit.", "details.limit is the most."),
    DenialKind("risk.max_order_value", 409, "The order's value is above the account's limit.", "details.limit is the most."),
    DenialKind("risk.not_shortable", 409, "This instrument cannot be sold short.", "details.available is what can be sold."),
    DenialKind("risk.order_rate", 409, "Too many orders a second for this account.", "details.limit is the most a second."),
    DenialKind("risk.position_limit", 409, "The position could go beyond the account's limit.", "details has its value and the limit."),
    DenialKind("risk.price_collar", 409, "The price is too far beyond the market.", "details.limit_price is the farthest."),
    DenialKind("risk.reduce_only", 409, "A reduce-only order would increase the position.", "details.reducible is the most."),
    DenialKind("risk.reducing_only", 409, "Only orders that reduce a position are taken at the moment.", "details.scope says who ordered that."),
    DenialKind("risk.self_trade", 409, "The order would trade with one of your own.", "details.other_order_id is that order."),
    DenialKind("risk.trading_halted", 409, "Trading is halted.", "details.scope says for whom; cancels are taken."),
    DenialKind("session.closed", 409, "The market is closed.", "Send a DAY or GTC limit order, or wait for the open."),
    DenialKind("venue.request_lost", 409, "The venue does not know of this request.", "Send it again with a new Idempotency-Key."),
)
# fmt: on
CODES: Final = frozenset(kind.code for kind in DENIALS)
