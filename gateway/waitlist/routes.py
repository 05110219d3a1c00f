"""The waitlist's route."""

from typing import Final

from gateway.http.edge import Edge
from gateway.http.routes import Routes
from gateway.waitlist.submit import Submit

BUILT: Final = frozenset({"submitWaitlist"})


def register_waitlist(routes: Routes, edge: Edge, submit: Submit) -> None:
    """Add the waitlist, for anyone."""
    routes.write("POST", "/public/v1/waitlist", "submitWaitlist", edge.open_write("submitWaitlist", submit.handle))
