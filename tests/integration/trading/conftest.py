"""The places on which gateways trade: those of the order core."""

from tests.integration.orders.conftest import place

__all__ = ["place"]
