"""What reading bytes that somebody else has written can raise."""

from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""msgspec refuses a shape with its own errors, but bytes that are no UTF-8 and nesting without end with Python's."""
