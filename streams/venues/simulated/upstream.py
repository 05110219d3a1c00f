"""The simulated venue's own error codes and what they are in ours. Reports carry both."""

from types import MappingProxyType
from typing import Final

REASONS: Final = MappingProxyType(
    {
        "SIM_REJECTED": "venue.rejected",
        "SIM_UNKNOWN_SCENARIO": "venue.unknown_scenario",
        "SIM_UNKNOWN_SYMBOL": "market.unknown_symbol",
        "SIM_NOT_TRADABLE": "venue.not_tradable",
        "SIM_BAD_REQUEST": "venue.bad_request",
        "SIM_TICK_SIZE": "venue.tick_size",
        "SIM_LOT_SIZE": "venue.lot_size",
        "SIM_QUANTITY_LIMIT": "venue.quantity_limit",
        "SIM_CLOSED": "session.closed",
        "SIM_TOO_LATE": "order.expired_in_transit",
        "SIM_WOULD_TAKE": "venue.would_take",
        "SIM_NO_LIQUIDITY": "venue.no_liquidity",
        "SIM_NOT_ALL": "venue.fill_or_kill_unfilled",
        "SIM_REST_CANCELED": "venue.immediate_rest_canceled",
        "SIM_SELF_TRADE": "venue.self_trade",
        "SIM_TOO_MANY_FILLS": "venue.too_many_fills",
        "SIM_BELOW_FILLED": "venue.quantity_below_filled",
        "SIM_UNKNOWN_ORDER": "order.not_found",
        "SIM_FINAL": "order.already_final",
        "SIM_TIMEOUT": "venue.timeout",
        "SIM_DISCONNECTED": "venue.disconnected",
        "SIM_CONNECTION_REFUSED": "connector.refused",
        "SIM_CONNECTOR_DOWN": "connector.unavailable",
        "SIM_DAY_OVER": "venue.day_over",
    }
)
