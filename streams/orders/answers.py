"""What the core remembers of a record for a command that is sent again (storage/models/order_answers.py)."""

from storage.models.order_answers import answer_of

__all__ = ["answer_of"]
