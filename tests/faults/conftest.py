"""One report of every fault that a run of pytest has put into services, and its table at the end."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import report

WRITTEN = pytest.StashKey[Path]()


@pytest.fixture(scope="session", autouse=True)
def report_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`FAULTS_REPORT`, where the reports of several runs come together, or a new folder of this run."""
    given = os.environ.get(report.FOLDER)
    folder = Path(given) if given else tmp_path_factory.mktemp("faults-report")
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[report.FOLDER] = str(folder)
    request.config.stash[WRITTEN] = folder
    yield folder
    if not given:
        del os.environ[report.FOLDER]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table of what stands in the folder, and what could not be done."""
    folder = config.stash.get(WRITTEN, None)
    if folder is None:
        return
    lines, left_out = report.read(folder), report.left_out(folder)
    if lines or left_out:
        terminalreporter.section("faults that were put into real services")
    if lines:
        terminalreporter.write_line(report.table(lines))
        terminalreporter.write_line(f"a line for each injection: {folder}")
    for one in left_out:
        terminalreporter.write_line(f"left out: {one}")
