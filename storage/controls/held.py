"""What a reader of controls holds: the highest revision of each document, whichever way it came. Pure."""

from collections.abc import Iterable

from storage.models.control_records import Announcement
from storage.models.controls import ControlDocument, Controls, identity_of


class HeldControls:
    """`current` is a new value after each change; it never goes back to an earlier revision of a document."""

    __slots__ = ("_revisions", "current")

    def __init__(self) -> None:
        self._revisions: dict[str, int] = {}
        self.current = Controls()

    def take(self, version: int, announcements: Iterable[Announcement]) -> None:
        """Take over what is newer than what is held, in one step; the version becomes `version` where that is higher."""
        newer: list[ControlDocument] = []
        for announcement in announcements:
            identity = identity_of(announcement.document)
            if announcement.revision > self._revisions.get(identity, 0):
                self._revisions[identity] = announcement.revision
                newer.append(announcement.document)
        version = max(version, self.current.version)
        if newer or version != self.current.version:
            self.current = self.current.changed(version, newer)
