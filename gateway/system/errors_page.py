"""Writes the error catalogue as docs/errors.md: `python -m gateway.system.errors_page > docs/errors.md`."""

import sys

from ops.runtime.errors import CATALOGUE
from ops.runtime.languages import Languages, load_languages

_HEAD = """# Error codes

Every refusal has a code of this closed list; `GET /public/v1/errors` serves it. *Retry* says whether the same request may succeed
later. This page is generated (`python -m gateway.system.errors_page > docs/errors.md`), and a test holds it equal to the code.

| code | status | retry | en-US | zh-CN | ja-JP | what to do |
| --- | --- | --- | --- | --- | --- | --- |
"""


def errors_page(languages: Languages) -> str:
    """The page as Markdown."""
    rows = []
    for kind in CATALOGUE.values():
        messages = languages.of_code(kind.code)
        cells = [f"`{kind.code}`", str(kind.status), "yes" if kind.retryable else "no", *messages.values(), kind.help]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(errors_page(load_languages()))
