"""The report counts what it was told: each injection in the row of its fault, each broken promise once for each round."""

import json

import pytest

from tests.faults.report import FOLDER, Injection, Wrong, read, reported, table


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


def test_a_row_for_each_fault_and_a_broken_promise_once_for_each_round(folder) -> None:
    with reported("storm", 1, 1) as found:
        found.note(Injection("cut gateway-kafka", "gateway-0/kafka", 2.0, beside="SIGKILL market", silence=1.5))
        found.note(Injection("SIGKILL market", "market-3", beside="cut gateway-kafka", silence=1.5))
        found.add("SIGKILL market")
        found.wrong.append(Wrong("lost", "one record"))
    with reported("storm", 1, 2) as found:
        found.add("SIGKILL market")

    rows = {line[:20].strip(): line[20:].split() for line in table(read(folder)).splitlines()}
    assert rows["cut gateway-kafka"] == ["1", "1", "1", "0", "0", "0", "1.5", "s"]
    assert rows["SIGKILL market"] == ["3", "1", "1", "0", "0", "0", "1.5", "s"]
    assert rows["all"] == ["4", "2", "1", "0", "0", "0", "1.5", "s"]


def test_an_assertion_that_failed_stands_in_the_lines_of_its_round(folder) -> None:
    with pytest.raises(AssertionError), reported("owners", 7) as found:  # noqa: PT012
        found.add("SIGKILL owner", "p1")
        raise AssertionError("a command without a record")

    [line] = read(folder)
    assert (line["otherwise"], line["wrong"]) == (1, ["otherwise: a command without a record"])
    assert json.dumps(line)
