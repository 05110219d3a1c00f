"""Which platform symbol each source symbol of each file is published as: what was asked for, else what is obvious."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from streams.feeds.replay.problems import UnknownSymbol
from streams.feeds.replay.recorded_file import RecordedFile

Mapped = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Naming:
    """One `--symbol`: `SOURCE=SYMBOL`, or `SYMBOL` alone (source None) for files that hold one symbol."""

    source: str | None
    symbol: str


def parse_naming(text: str) -> Naming:
    """`SOURCE=SYMBOL` or `SYMBOL`. Raises `ValueError` where a side is empty."""
    left, separator, right = (part.strip() for part in text.rpartition("="))
    if not right or (separator and not left):
        raise ValueError(f"{text!r} is not SOURCE=SYMBOL, such as BTCUSDT=BTCUSDT.BINANCE")
    return Naming(left if separator else None, right)


def name_symbols(files: Sequence[RecordedFile], namings: Sequence[Naming], known: Iterable[str]) -> list[Mapped]:
    """For each file: source symbol -> platform symbol of the list `known`. Source symbols without one are left out.

    A source that is named once is so in every file that holds it; one that is named several times is taken by those
    files in their order (BTCUSDT of a spot and of a futures file). A file of which nothing is named takes the known
    symbols whose code is the source symbol, such as BTCUSDT.BINANCE for BTCUSDT.

    Raises `UnknownSymbol`, listing what there is: a source that no file holds, a symbol that the platform does not
    know, names that do not come out even, or a file of which a symbol has no obvious name.
    """
    held = [file.symbols() for file in files]
    listed = sorted(set(known))
    _check_namings(files, held, namings, listed)
    taken: dict[str, int] = {}
    return [_of_file(file, sources, namings, listed, taken) for file, sources in zip(files, held, strict=True)]


def _check_namings(
    files: Sequence[RecordedFile], held: Sequence[Sequence[str]], namings: Sequence[Naming], listed: Sequence[str]
) -> None:
    for naming in namings:
        if naming.symbol not in listed:
            raise UnknownSymbol(f"{naming.symbol} is not a symbol of the platform; {_nearest(naming.symbol, listed)}")
        if naming.source is None:
            continue
        holders = sum(naming.source in sources for sources in held)
        times = sum(other.source == naming.source for other in namings)
        if not holders:
            found = "; ".join(
                f"{file.path.name} holds {', '.join(sources)}" for file, sources in zip(files, held, strict=True)
            )
            raise UnknownSymbol(f"no file holds {naming.source}: {found or 'there are no files'}")
        if times not in (1, holders):
            raise UnknownSymbol(f"{naming.source} is named {times} times, but {holders} of the files hold it")


def _of_file(
    file: RecordedFile, sources: Sequence[str], namings: Sequence[Naming], listed: Sequence[str], taken: dict[str, int]
) -> Mapped:
    mapped: dict[str, str] = {}
    for source in sources:
        own = [naming.symbol for naming in namings if naming.source == source]
        if own:
            mapped[source] = own[0] if len(own) == 1 else own[taken.get(source, 0)]
            taken[source] = taken.get(source, 0) + 1
    alone = [naming.symbol for naming in namings if naming.source is None]
    if not mapped and len(sources) == 1 and len(alone) == 1:
        return {sources[0]: alone[0]}
    return mapped or {source: _obvious(file, source, sources, listed) for source in sources}


def _obvious(file: RecordedFile, source: str, sources: Sequence[str], listed: Sequence[str]) -> str:
    found = [symbol for symbol in listed if symbol.rpartition(".")[0] == source]
    if len(found) == 1:
        return found[0]
    why = f"may be {' or '.join(found)}" if found else "is not the code of a symbol of the platform"
    raise UnknownSymbol(
        f"{file.path.name} holds {', '.join(sources)}: {source} {why}; name it with --symbol {source}=SYMBOL"
    )


def _nearest(symbol: str, listed: Sequence[str]) -> str:
    code = symbol.partition(".")[0]
    near = [other for other in listed if code and code in other]
    return (
        f"did you mean {', '.join(near[:5])}?" if near else f"it knows {len(listed)}: `omniaxs markets load` adds more"
    )
