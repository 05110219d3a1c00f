"""What sweeps need of the rest."""

from typing import Protocol

from storage.jobs import Jobs


class AnsweringJobs(Jobs, Protocol):
    """`storage.jobs.DramatiqJobs`."""

    async def problem(self) -> str | None:
        """Why the broker cannot be used now; None when it answers."""
        ...
