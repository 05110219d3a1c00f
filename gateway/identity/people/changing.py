"""Changing a person who may be changed by others meanwhile: read, decide again, write over the version that was read."""

from collections.abc import Callable

from gateway.identity.ports import People, Someone
from ops.runtime.errors import HubError
from storage.models.people import subject_of


async def changed(people: People[Someone], person: Someone, change: Callable[[Someone], Someone | None]) -> Someone:
    """The person after `change`, which is asked again whenever another was faster, and answers None where nothing is to do.

    `change` leaves `version` alone. Raises `system.unavailable` for a person who is not there any more.
    """
    current: Someone | None = person
    while current is not None:
        after = change(current)
        if after is None:
            return current
        after = after.model_copy(update={"version": current.version + 1})
        if await people.replace(after):
            return after
        current = await people.get(subject_of(person))
    raise HubError("system.unavailable", {"component": "database"})
