"""Autobahn's cases: none fails with our frames and our handling, and none ends worse than with plain Quart on hypercorn.

`pytest -s tests/hostile/test_websocket_conformance.py` prints the table by section (it stands in docs/security.md).
"""

from pathlib import Path

import pytest

from tests.hostile.autobahn import COMPRESSION, LARGE, echoing, run, table


def test_all_247_cases_end_as_well_as_with_plain_hypercorn(tmp_path: Path) -> None:
    found = _compared(tmp_path, exclude=(*LARGE, *COMPRESSION))

    assert len(found) == 247


@pytest.mark.long
def test_messages_of_16_mib_end_as_well_as_with_plain_hypercorn(tmp_path: Path) -> None:
    assert len(_compared(tmp_path, include=LARGE)) == 54


def _compared(folder: Path, **chosen: tuple[str, ...]) -> list[str]:
    """The cases, once it is sure that none of ours failed and none is worse."""
    with echoing("ours") as ours, echoing("plain") as plain:
        own, failed = run(ours, folder / "ours", **chosen)
        other, _ = run(plain, folder / "plain", **chosen)
    print("\n" + table({"ours": own, "plain": other}))  # noqa: T201  (the table, with -s)
    assert failed == 0
    assert [case for case, one in own.items() if one.failed] == []
    assert own.keys() == other.keys()
    assert [case for case in own if own[case].rank > other[case].rank] == []
    return list(own)
