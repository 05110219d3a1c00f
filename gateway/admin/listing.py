"""Pages of people, newest first."""

from gateway.account.listing import NewestFirst

__all__ = ["NewestFirst"]
