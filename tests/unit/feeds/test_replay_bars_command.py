"""`omniaxs bars build`: what it prints, and how it refuses."""

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ops.cli.bars import application

OWN = ["--columns", "ts=time,symbol=sym,price=px,quantity=qty,ts_unit=s"]
TRADES = "time,sym,px,qty\n0,B,10.0,1\n59.999,A,3,0.50\n61,B,12,2\n0,B,11,1\n"


def build(*arguments: object) -> Result:
    return CliRunner().invoke(application, ["build", *map(str, arguments)])


@pytest.fixture
def trades(tmp_path: Path) -> Path:
    path = tmp_path / "own.csv"
    path.write_text(TRADES)
    return path


def test_bars_are_printed_by_symbol_and_start(trades: Path) -> None:
    result = build(trades, *OWN, "--timeframe", "1m")
    assert result.exit_code == 0
    assert result.stdout == (
        "symbol,bar_start_ms,open,high,low,close,volume,notional,trades\n"
        "A,0,3,3,3,3,0.5,1.5,1\n"
        "B,0,10,11,10,11,2,21,2\n"
        "B,60000,12,12,12,12,2,24,1\n"
    )


def test_one_symbol_needs_no_column(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("time,px\n0,10\n")
    result = build(path, "--columns", "ts=time,price=px", "--timeframe", "1d")
    assert result.stdout == "bar_start_ms,open,high,low,close,volume,notional,trades\n0,10,10,10,10,0,0,1\n"


def test_json_has_the_same_columns(trades: Path) -> None:
    bars = [json.loads(line) for line in build(trades, *OWN, "--timeframe", "1h", "--json").stdout.splitlines()]
    assert bars[1] == {
        "symbol": "B", "bar_start_ms": 0, "open": "10", "high": "12", "low": "10", "close": "12", "volume": "4",
        "notional": "45", "trades": 3,
    }  # fmt: skip


def test_output_goes_to_a_file(trades: Path, tmp_path: Path) -> None:
    result = build(trades, *OWN, "--timeframe", "1m", "--output", tmp_path / "bars.csv")
    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / "bars.csv").read_text().startswith("symbol,bar_start_ms")
    refused = build(trades, *OWN, "--timeframe", "1m", "--output", tmp_path / "none" / "bars.csv")
    assert (refused.exit_code, "no such file or directory" in refused.stderr) == (73, True)


def test_bars_of_what_came_before_a_fault_are_printed(trades: Path) -> None:
    trades.write_text(TRADES + "70,B,?,1\n")
    result = build(trades, *OWN, "--timeframe", "1m")
    assert result.exit_code == 65
    assert "B,60000,12,12,12,12,2,24,1\n" in result.stdout
    assert (
        result.stderr == "own.csv, line 6, column px: '?' is not a number; expected a decimal number such as 61837.63\n"
    )


def test_a_file_cut_short_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "own.csv.gz"
    path.write_bytes(gzip.compress(TRADES.encode())[:-12])
    result = build(path, *OWN, "--timeframe", "1m")
    assert result.exit_code == 65
    assert result.stderr.startswith("own.csv.gz, line ")
    assert "the gzip stream ends early; expected a whole file" in result.stderr


def test_no_trades_no_bars(trades: Path, tmp_path: Path) -> None:
    trades.write_text("time,sym,px,qty\n")
    empty = build(trades, *OWN, "--timeframe", "1m")
    assert (empty.exit_code, empty.stdout, empty.stderr) == (2, "", f"{trades}: no trades, so no bars\n")
    quotes = build(trades, "--format", "oanda-quotes", "--timeframe", "1m")
    assert quotes.exit_code == 2
    assert quotes.stderr == f"{trades}: a file of the format oanda-quotes holds no trades, so no bars\n"
    trades.write_text("time,sym,px,qty\n0,B,1,1\n")
    outside = build(trades, *OWN, "--timeframe", "1m", "--session", "rth")
    assert (outside.exit_code, outside.stderr) == (2, f"{trades}: no trades, so no bars (outside the session: 1)\n")


@pytest.mark.parametrize("how", [OWN, ["--format", "oanda-quotes"]])
def test_a_file_that_is_not_there(tmp_path: Path, how: list[str]) -> None:
    result = build(tmp_path / "none.csv", *how, "--timeframe", "1m")
    assert (result.exit_code, result.stderr) == (66, f"{tmp_path / 'none.csv'}: no such file or directory\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--timeframe", "1m"], "name the format"),
        (["--format", "csv", "--timeframe", "1m"], "format 'csv' is not one of binance"),
        (["--columns", "ts=t", "--timeframe", "1m"], "price is missing"),
        ([*OWN, "--timeframe", "7m"], "'7m' is not one of '1m', '5m'"),
        ([*OWN, "--timeframe", "1m", "--session", "eth"], "'eth' is not"),
    ],
)
def test_what_is_typed_wrong_is_said(trades: Path, arguments: list[str], reason: str) -> None:
    result = build(trades, *arguments)
    assert result.exit_code == 2
    words = " ".join(result.stderr.replace("│", " ").split())
    assert reason in words
