"""The path of one order, told apart from its siblings, so that a wrong method on those is answered as such."""

from typing import Final

ONE_ORDER: Final = "/v1/orders/<other_than(batch, cancel, 'cancel-all', 'cancel-all-after', 'by-client-id'):order_id>"
"""`order_id` is any other segment."""
