"""Ids: their prefix says of what they are, they sort by time, and no two are the same."""

import re
import uuid

from ops.runtime.identifiers import SystemIdentifiers


def test_ids_have_their_prefix_and_sort_by_the_time_they_were_made() -> None:
    identifiers = SystemIdentifiers()
    made = [identifiers.new("ord") for _ in range(1_000)]
    assert all(re.fullmatch(r"ord_[0-9a-f]{32}", one) for one in made)
    assert made == sorted(made)
    assert len(set(made)) == 1_000


def test_event_ids_are_uuids_of_version_7() -> None:
    assert uuid.UUID(SystemIdentifiers().event_id()).version == 7
