"""What is done with runs that were kept: they are compared, told as Markdown, and drawn."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.bench.__main__ import words
from ops.bench.comparing import compared, ratios_of, reports_of
from ops.bench.picture import PANELS
from ops.bench.report import Report
from ops.bench.runs import application


def fan_out(ours_to_naive: float) -> Report:
    columns = ("clients", "contender", "CPU us a message", "ours / this")
    rows = [
        {"clients": 200, "contender": "naive Quart send", "CPU us a message": 10.0, "ours / this": ours_to_naive},
        {"clients": 200, "contender": "ours", "CPU us a message": 10.0 * ours_to_naive, "ours / this": 1.0},
        {"clients": 1_000, "contender": "ours", "CPU us a message": 0.004, "ours / this": 1.0},
    ]
    return Report("fan-out-steady", "how it was measured", columns, rows, ["a note"], keys=2)


def run_with(folder: Path, *reports: Report) -> Path:
    for report in reports:
        report.write(folder)
    return folder


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    (read,) = reports_of(run_with(tmp_path, fan_out(0.25)))

    assert (read.name, read.keys, list(read.rows)) == ("fan-out-steady", 2, list(fan_out(0.25).rows))


def test_a_ratio_is_named_by_the_keys_of_its_row_and_those_that_are_one_by_definition_are_left_out() -> None:
    assert ratios_of([fan_out(0.25)]) == {"fan-out-steady: 200 clients, naive Quart send: ours / this": 0.25}


def test_texts_of_a_row_name_it_and_ratios_of_percentiles_are_not_compared() -> None:
    row = {"contender": "ours", "flood": "unsigned", "p99 / quiet p99": 1.5, "CPU / quiet": 2.5}
    report = Report("flood", "", tuple(row), [row])

    assert ratios_of([report]) == {"flood: ours, unsigned: CPU / quiet": 2.5}


@pytest.mark.parametrize(("first", "second", "agrees"), [(0.25, 0.30, "yes"), (0.30, 0.25, "yes"), (0.25, 0.31, "NO")])
def test_ratios_agree_within_a_fifth_of_the_smaller(first: float, second: float, agrees: str) -> None:
    (row,) = compared({"a": first}, {"a": second}).rows

    assert row["agrees"] == agrees


def test_ratios_of_one_run_alone_are_named() -> None:
    report = compared({"a": 1.5, "b": 1.0}, {"a": 1.5, "c": 1.0})

    assert [row["ratio"] for row in report.rows] == ["a"]
    assert report.notes == ["in one run alone: b", "in one run alone: c"]


def test_compare_ends_with_one_where_a_ratio_is_in_one_run_alone(tmp_path: Path) -> None:
    more = Report("rest", "", ("contender", "this / FastAPI"), [{"contender": "ours", "this / FastAPI": 0.7}])
    first, second = run_with(tmp_path / "1", fan_out(0.25)), run_with(tmp_path / "2", fan_out(0.25), more)

    for runs in ((first, second), (second, first)):
        result = CliRunner().invoke(application, ["compare", *map(str, runs)])

        assert result.exit_code == 1
        assert "in one run alone: rest: ours: this / FastAPI" in result.output


def test_compare_says_which_ratios_it_leaves_out(tmp_path: Path) -> None:
    rows = [{"flood": "unsigned", "p99 / quiet p99": ratio, "CPU / quiet": 2.5} for ratio in (1.5, 9.0)]
    runs = [run_with(tmp_path / str(number), Report("flood", "", tuple(row), [row])) for number, row in enumerate(rows)]

    result = CliRunner().invoke(application, ["compare", *map(str, runs)])

    assert result.exit_code == 0
    assert "not compared, as it is of percentiles: flood: p99 / quiet p99" in result.output


def test_compare_ends_with_one_where_ratios_do_not_agree(tmp_path: Path) -> None:
    first, second = run_with(tmp_path / "1", fan_out(0.25)), run_with(tmp_path / "2", fan_out(0.5))

    alike = CliRunner().invoke(application, ["compare", str(first), str(first)])
    apart = CliRunner().invoke(application, ["compare", str(first), str(second)])

    assert (alike.exit_code, apart.exit_code) == (0, 1)
    assert "1 ratios, 1 of them differ" in apart.output


def test_a_folder_without_a_run_is_refused_in_words(tmp_path: Path) -> None:
    result = CliRunner().invoke(application, ["markdown", str(tmp_path)], env={"COLUMNS": "400"})

    assert result.exit_code == 2
    assert "holds no run" in result.output


def test_markdown_has_the_table_its_method_and_its_notes(tmp_path: Path) -> None:
    result = CliRunner().invoke(application, ["markdown", str(run_with(tmp_path, fan_out(0.25)))])

    first, empty, *lines = result.output.splitlines()
    assert first.startswith("Measured on 20")
    assert empty == ""
    assert lines == [
        "### fan-out-steady",
        "",
        "| clients | contender | CPU us a message | ours / this |",
        "| ---: | --- | ---: | ---: |",
        "| 200 | naive Quart send | 10.00 | 0.25 |",
        "| 200 | ours | 2.50 | 1.00 |",
        "| 1,000 | ours | 0.004 | 1.00 |",
        "",
        "how it was measured",
        "",
        "a note",
    ]


def test_the_tables_of_a_page_are_replaced_between_their_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- tables -->\nold\n<!-- end of tables -->\nafter\n")
    run = run_with(tmp_path / "run", fan_out(0.25))

    result = CliRunner().invoke(application, ["markdown", str(run), "--into", str(page)])

    assert result.exit_code == 0, result.output
    assert page.read_text().startswith("before\n<!-- tables -->\nMeasured on")
    assert page.read_text().endswith("a note\n<!-- end of tables -->\nafter\n")


def test_a_page_without_marks_is_left_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing")

    result = CliRunner().invoke(application, ["markdown", str(run_with(tmp_path, fan_out(0.25))), "--into", str(page)])

    assert (result.exit_code, page.read_text()) == (2, "nothing")


def test_a_run_is_drawn(tmp_path: Path) -> None:
    halts = Report("halts", "", ("scope", "first refusal ms"), [{"scope": "venue", "first refusal ms": 3.0}])

    result = CliRunner().invoke(application, ["picture", str(run_with(tmp_path, fan_out(0.25), halts))])

    assert result.exit_code == 0, result.output
    assert (tmp_path / "summary.png").read_bytes().startswith(b"\x89PNG")


def test_each_table_that_is_drawn_has_the_columns_that_its_panel_needs() -> None:
    assert {"fan-out-steady", "fan-out-bursts", "streams", "recovery", "orders"} <= set(PANELS)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ([], ["run"]),
        (["fan-out", "--quick"], ["run", "fan-out", "--quick"]),
        (["--quick"], ["run", "--quick"]),
        (["compare", "a", "b"], ["compare", "a", "b"]),
        (["--help"], ["--help"]),
    ],
)
def test_without_a_command_benchmarks_are_run(given: list[str], meant: list[str]) -> None:
    assert words(given) == meant
