"""docs/errors.md is what the code says."""

from pathlib import Path

from gateway.system.errors_page import errors_page
from ops.runtime.languages import load_languages

PAGE = Path(__file__).resolve().parents[3] / "docs" / "errors.md"


def test_page_equals_the_catalogue():
    remedy = "run: python -m gateway.system.errors_page > docs/errors.md"
    assert PAGE.read_text(encoding="utf-8") == errors_page(load_languages()), remedy
