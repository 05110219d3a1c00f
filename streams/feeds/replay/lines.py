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
    return Lines(path.name, _texts(path, packed=is_packed(path)))


def is_packed(path: Path) -> bool:
    """Whether a file is gzip (by its first two bytes). Raises `UnreadableFile` where it cannot be opened."""
    try:
        with path.open("rb") as stream:
            return stream.read(2) == _GZIP_MAGIC
    except OSError as error:
        raise UnreadableFile(str(path), (error.strerror or str(error)).lower()) from error


def _texts(path: Path, *, packed: bool) -> Iterator[str]:
    number = 0
    with _open(path, packed=packed) as stream:
        try:
            for number, text in enumerate(stream, 1):  # noqa: B007  (the number is for the errors below)
                yield text
        except EOFError as error:
            raise MalformedFile(path.name, number + 1, "the gzip stream ends early", "a whole file") from error
        except (zlib.error, gzip.BadGzipFile) as error:
            reason = f"the gzip stream is damaged ({error})"
            raise MalformedFile(path.name, number + 1, reason, "an intact file") from error
        except UnicodeDecodeError as error:
            raise MalformedFile(path.name, number + 1, "bytes that are not UTF-8 text", "UTF-8") from error


def _open(path: Path, *, packed: bool) -> IO[str]:
    if packed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open("rt", encoding="utf-8-sig", newline="")
