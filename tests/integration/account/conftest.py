"""The places on which accounts are read: those of the order core."""

from tests.integration.orders.conftest import place

__all__ = ["place"]
