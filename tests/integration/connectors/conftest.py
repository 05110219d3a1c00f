"""The places on which connectors are ruled: those of the order core, with the default catalog."""

from tests.integration.orders.conftest import place

__all__ = ["place"]
