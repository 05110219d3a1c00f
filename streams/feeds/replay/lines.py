"""First step of a replay: the lines of a recorded file, gzip or plain, with their numbers."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from streams.feeds.replay.problems import MalformedFile, UnreadableFile

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Lines:
    """Text lines (with or without their line ends) of a source called `name` in messages."""

    name: str
    texts: Iterable[str]


def lines_of(path: Path) -> Lines:
    """The lines of a file, read as they are asked for.

    Raises `UnreadableFile` at once where it cannot be opened; while reading `MalformedFile` where a gzip stream ends
    early or is damaged, or the text is not UTF-8: every whole line before that was delivered.
    """
    try:
        stream = _open(path)
    except OSError as error:
        raise UnreadableFile(str(path), (error.strerror or str(error)).lower()) from error
    return Lines(path.name, _numbered_errors(path.name, stream))


def _open(path: Path) -> IO[str]:
    with path.open("rb") as probe:
        packed = probe.read(2) == _GZIP_MAGIC
    if packed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open("rt", encoding="utf-8-sig", newline="")


def _numbered_errors(name: str, stream: IO[str]) -> Iterator[str]:
    number = 0
    with stream:
        try:
            for number, text in enumerate(stream, 1):  # noqa: B007  (the number is for the errors below)
                yield text
        except EOFError as error:
            raise MalformedFile(
                name, number + 1, "the gzip stream ends early", "a whole file: fetch it again"
            ) from error
        except (zlib.error, gzip.BadGzipFile) as error:
            raise MalformedFile(name, number + 1, f"the gzip stream is damaged ({error})", "an intact file") from error
        except UnicodeDecodeError as error:
            raise MalformedFile(name, number + 1, "bytes that are not UTF-8 text", "UTF-8") from error
