"""The report counts what it was told: each injection in the row of its fault, each broken promise once for each round."""

import pytest

from tests.faults.report import FOLDER, Injection, Wrong, leave_out, left_out, read, reported, table


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


@pytest.mark.parametrize(
    "ended", [AssertionError("no record"), TimeoutError("not at rest"), KeyboardInterrupt("enough")]
)
def test_what_ended_a_round_stands_in_its_lines(folder, ended: BaseException) -> None:
    with pytest.raises(type(ended)), reported("owners", 7) as found:  # noqa: PT012
        found.add("SIGKILL owner", "p1")
        raise ended

    [line] = read(folder)
    assert (line["otherwise"], line["wrong"]) == (1, [f"otherwise: {type(ended).__name__}: {ended}"])


def test_what_was_left_out_is_said_once(folder) -> None:
    leave_out("disk full kafka", "nothing may be mounted here")
    leave_out("disk full kafka", "nothing may be mounted here")
    assert left_out(folder) == ["disk full kafka: nothing may be mounted here"]
    assert read(folder) == []
