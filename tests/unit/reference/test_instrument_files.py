"""Instrument files: what is taken, and that each mistake is told by line, field, why and what would be right."""

from pathlib import Path

import pytest

from storage.reference_data.instrument_files import MalformedReferenceFile, read_instruments

HEADER = (
    "symbol,venue,asset_class,calendar,currency,tick_size,lot_size,min_quantity,max_quantity,min_notional,"
    "initial_margin_rate,maintenance_margin_rate,reference_price"
)
ROW = "AAPL.US,XNAS,equity,XNYS,USD,0.01,1,1,1000000,0,0.5,0.25,229.5"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(path: Path, calendars: set[str] | None = None) -> list[str]:
    with pytest.raises(MalformedReferenceFile) as caught:
        read_instruments(path, calendars)
    assert str(path) in str(caught.value)
    return [str(problem) for problem in caught.value.problems]


def test_csv_and_yaml_say_the_same(tmp_path: Path) -> None:
    table = write(tmp_path / "markets.csv", f"{HEADER},shortable\n{ROW},false\n")
    names, values = f"{HEADER},shortable".split(","), f"{ROW},false".split(",")
    body = "\n".join(f"    {name}: {value}" for name, value in zip(names[1:], values[1:], strict=True))
    listed = write(tmp_path / "markets.yaml", f"instruments:\n  - symbol: {values[0]}\n{body}\n")
    assert read_instruments(table) == read_instruments(listed)
    [instrument] = read_instruments(table)
    assert (instrument.tick_size, instrument.price_precision, instrument.qty_precision) == ("0.01", 2, 0)
    assert instrument.shortable is False


def test_yaml_decimals_are_text_not_floats(tmp_path: Path) -> None:
    body = "\n".join(
        f"    {name}: {value}"
        for name, value in zip(HEADER.split(",")[1:], ROW.replace("229.5", "100000.10").split(",")[1:], strict=True)
    )
    [instrument] = read_instruments(write(tmp_path / "m.yml", f"instruments:\n  - symbol: A.US\n{body}\n"))
    assert instrument.reference_price == "100000.10"


def test_every_problem_is_told_with_its_line(tmp_path: Path) -> None:
    rows = [
        ROW,
        ROW.replace("AAPL.US", "aapl"),
        ROW.replace("AAPL.US", "B.US").replace("equity", "stock"),
        ROW.replace("AAPL.US", "C.US").replace(",0.01,", ",1e-2,"),
        ROW.replace("AAPL.US", "D.US").replace("229.5", "229.505"),
        ROW.replace("AAPL.US", "E.US").replace(",XNYS,", ",XLON,"),
        ROW,
        ROW.replace("AAPL.US", "G.US").replace("equity", ""),
    ]
    found = problems_of(write(tmp_path / "m.csv", "\n".join([HEADER, *rows])), {"XNYS"})
    assert found == [
        "line 3, symbol: 'aapl' is not CODE.SUFFIX in capitals, such as AAPL.US",
        "line 4, asset_class: 'stock' is not one of equity, fx, crypto, futures, metals, prediction, index",
        "line 5, tick_size: '1e-2' is not a plain decimal such as 0.01",
        "line 6, reference_price: must be a multiple of tick_size 0.01 above 0",
        "line 7, calendar: no such calendar: 'XLON'; there are XNYS",
        "line 8, symbol: AAPL.US stands on line 2 too",
        "line 9, asset_class: is missing; expected one of equity, fx, crypto, futures, metals, prediction, index",
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tick_size": "0"}, "tick_size"),
        ({"lot_size": "0"}, "lot_size"),
        ({"price_precision": "1"}, "price_precision"),
        ({"lot_size": "0.5", "qty_precision": "0"}, "qty_precision"),
        ({"min_quantity": "1.5"}, "min_quantity"),
        ({"max_quantity": "0"}, "max_quantity"),
        ({"multiplier": "0"}, "multiplier"),
        ({"min_notional": "-1"}, "min_notional"),
        ({"initial_margin_rate": "2"}, "initial_margin_rate"),
        ({"maintenance_margin_rate": "0.6"}, "maintenance_margin_rate"),
        ({"reference_price": "0"}, "reference_price"),
        ({"stale_after_seconds": "soon"}, "stale_after_seconds"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_yaml_mistake_is_told_on_its_own_line(tmp_path: Path, change: dict[str, str], field: str) -> None:
    fields = dict(zip(HEADER.split(","), ROW.split(","), strict=True)) | change
    body = "\n".join(f"    {name}: {value}" for name, value in list(fields.items())[1:])
    path = write(tmp_path / "m.yaml", f"# mine\ninstruments:\n  - symbol: A.US\n{body}\n")
    [problem] = problems_of(path)
    line = path.read_text().splitlines().index(f"    {field}: {fields[field]}") + 1
    assert problem.startswith(f"line {line}, {field}: ")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("m.csv", "", "line 1: there is no header line; the columns are symbol,"),
        ("m.csv", "symbol,price\n", "line 1: no such column: price; the columns are symbol,"),
        ("m.csv", "symbol,symbol\n", "line 1: these columns stand there twice: symbol"),
        ("m.csv", HEADER + "\nAAPL.US,XNAS\n", "line 2: 2 cells, but the header line names 13 columns"),
        ("m.csv", HEADER + '\n"AAPL.US\n', "line 2: not CSV: unexpected end of data"),
        ("m.csv", HEADER + "\n", "line 1: there is no instrument in it"),
        ("m.yaml", "instruments: }", "line 1: not YAML: "),
        ("m.yaml", "- AAPL.US\n", "line 1: the file must have `instruments:` and a list under it"),
        ("m.yaml", "instruments:\n  - AAPL.US\n", "line 2: an instrument is a mapping of fields"),
        ("m.yaml", "instruments:\n  - symbol: [A.US]\n", "line 2: symbol must be a single value"),
        ("m.txt", "", "line 1: not a .yaml, .yml or .csv file by its name"),
    ],
)
def test_a_file_that_is_not_one_says_so(tmp_path: Path, name: str, text: str, expected: str) -> None:
    [problem] = problems_of(write(tmp_path / name, text))
    assert problem.startswith(expected)


def test_bytes_that_are_not_text_and_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b"\xff\xfe\x00")
    assert problems_of(tmp_path / "m.csv")[0].startswith("line 1: not UTF-8 text")
    with pytest.raises(OSError, match="No such file"):
        read_instruments(tmp_path / "absent.csv")
