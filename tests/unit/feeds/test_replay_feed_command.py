"""`omniaxs feed`: what is typed wrong is said before anything is reached."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ops.cli.feed import application
from ops.processes.commands.port import CommandFailed


def feed(*arguments: object) -> Result:
    return CliRunner().invoke(application, list(map(str, arguments)))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a running `omniaxs up`, and a file in it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "own.csv"
    path.write_text("ts,price\n1,2\n")
    return path


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "name the format"),
        (["--format", "csv"], "format 'csv' is not one of binance"),
        (["--format", "ltp", "--format", "taq"], "1 files need one format, or 1, not 2"),
        (["--columns", "ts=ts,prise=price"], "prise is not one of"),
        (["--format", "ltp", "--symbol", "A="], "not SOURCE=SYMBOL"),
        (["--format", "ltp", "--speed", "fast"], "neither max nor a factor"),
        (["--format", "ltp", "--loop", "--run", "monday"], "each pass of a loop is a run of its own"),
        (["--format", "oanda-quotes", "--date", "6.5.2014"], "'6.5.2014' is not a date"),
    ],
)
def test_what_is_typed_wrong_is_said(here: Path, arguments: list[str], reason: str) -> None:
    result = feed("replay", here, *arguments)
    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.replace("│", " ").split())


def test_a_file_that_is_not_there(here: Path) -> None:
    failed = feed("replay", here, here.with_name("none.csv"), "--format", "ltp").exception
    assert isinstance(failed, CommandFailed)
    assert (str(failed), failed.exit_code) == (f"{here.with_name('none.csv')}: no such file or directory", 66)


@pytest.mark.parametrize("loop", [[], ["--loop"], ["--loop", "--speed", "60"]])
def test_a_well_said_replay_needs_a_platform(here: Path, loop: list[str]) -> None:
    failed = feed("replay", here, "--columns", "ts=ts,price=price", "--symbol", "X.US", *loop).exception
    assert isinstance(failed, CommandFailed)
    assert failed.exit_code == 69
