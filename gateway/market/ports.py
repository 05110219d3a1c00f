"""What the market routes need of other parts."""

from typing import Protocol

from storage.reference import ReferenceData


class ReferenceSource(Protocol):
    """Gives the reference data as it is now (replaced whole when it is loaded again)."""

    def __call__(self) -> ReferenceData: ...
