"""What can be wrong with a recorded file, said so that its owner can mend it."""


class MalformedFile(Exception):
    """A file cannot be read on from `line` (1 = the first). The text is one line: where, what, and what is expected."""

    def __init__(self, file: str, line: int, reason: str, expected: str, column: str | None = None) -> None:
        place = f"{file}, line {line}" + (f", column {column}" if column else "")
        super().__init__(f"{place}: {reason}; expected {expected}")
        self.file, self.line, self.column = file, line, column
        self.reason, self.expected = reason, expected


class UnreadableFile(Exception):
    """A file is not there, or cannot be opened. The text is one line that names it."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file


class UnknownSymbol(Exception):
    """A symbol of a file, or of a `SOURCE=SYMBOL` mapping, has no counterpart. The text lists what there is."""


class NothingToReplay(Exception):
    """A whole pass had no row to publish. The text says what was left out."""
